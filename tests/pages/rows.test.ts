import { describe, expect, it } from 'vitest'
import { rowsOf } from '../../handoff/pages/desk/rows'
import { interleave } from '../../core/pages/thread'
import { draft, pending } from '../../core/pages/message'
import { message, sent } from './made'

const app = { channel: 'app', channel_label: 'App' }
const mini = { channel: 'miniprogram', channel_label: '微信小程序' }
const at = (minute: number) => ({ created_at: `2026-11-22T08:0${minute}:00+00:00` })

describe('rowsOf', () => {
  it('names no channel where there is one only', () => {
    const rows = rowsOf([sent(1, 'customer'), sent(2), sent(3, 'agent')], '林晓')
    expect(rows.map((row) => row.note)).toEqual([undefined, undefined, undefined])
    expect(rows[0]!.entry.author_name).toBe('林晓')
  })

  it('says when the customer comes to another channel, and names the channel of every message then', () => {
    const said = [sent(1, 'customer', app), sent(2, 'bot', app), sent(3, 'customer', mini), sent(4, 'bot', mini), sent(5, 'customer', app)]
    const rows = rowsOf(said, '林晓')
    expect(rows.map((row) => row.cameTo)).toEqual([null, null, '微信小程序', null, 'App'])
    expect(rows.map((row) => row.note)).toEqual(['App', 'App', '微信小程序', '微信小程序', 'App'])
    expect(rows.every((row) => row.first)).toBe(true)
  })

  it('begins a new group where the customer changes the channel between two messages', () => {
    expect(rowsOf([sent(1, 'customer', app), sent(2, 'customer', app), sent(3, 'customer', mini)], '林晓').map((row) => row.first)).toEqual([
      true,
      false,
      true,
    ])
  })
})

describe('interleave', () => {
  it('puts what was said elsewhere where its time is, and leaves what is on its way at the end', () => {
    const earlier = [message(1, 'customer', { id: 'e1', ...at(1) }), message(2, 'bot', { id: 'e2', ...at(3) })]
    const here = [sent(1, 'customer', { id: 'h1', ...at(2) }), sent(2, 'bot', { id: 'h2', ...at(4) }), pending(draft('稍等'), 'agent', '小王', 'app')]
    expect(interleave(earlier, here).map((entry) => entry.id)).toEqual(['e1', 'h1', 'e2', 'h2', here[2]!.id])
  })

  it('keeps the order of a thread whose clock went back', () => {
    const here = [sent(1, 'customer', { id: 'h1', ...at(5) }), sent(2, 'bot', { id: 'h2', ...at(4) })]
    expect(interleave([message(1, 'bot', { id: 'e1', ...at(6) })], here).map((entry) => entry.id)).toEqual(['h1', 'h2', 'e1'])
  })
})
