import { describe, expect, it } from 'vitest'
import { draft, pending } from '../../core/pages/message'
import { addLocal, keyOf, livingButtons, mark, merge, newestSeq, pressedTitle, unreadSince, visible } from '../../core/pages/thread'
import { buttons, message, sent } from './made'

const texts = (entries: { text: string | null }[]) => entries.map((entry) => entry.text)

describe('merge', () => {
  it('keeps the order of seq whatever the order of arrival', () => {
    expect(texts(merge(merge([], [message(3)]), [message(1), message(2)]))).toEqual(['第 1 条', '第 2 条', '第 3 条'])
  })

  it('drops a repeated id', () => {
    const once = merge([], [message(1), message(2)])
    expect(merge(once, [message(2), message(1)])).toEqual(once)
  })

  it('puts our message in the place of its pending copy, under the same key', () => {
    const one = draft('在吗')
    const before = addLocal(merge([], [message(1)]), pending(one, 'customer', null, 'web'))
    const after = merge(before, [message(2, 'customer', { client_id: one.client_id, text: '在吗' })])
    expect(after.map((entry) => entry.state)).toEqual(['sent', 'sent'])
    expect(keyOf(after[1]!)).toBe(keyOf(before[1]!))
  })

  it('shows a message once when the stream brings it without our id, before or after the answer', () => {
    const one = draft('在吗')
    const start = addLocal([], pending(one, 'customer', null, 'web'))
    const answer = message(1, 'customer', { client_id: one.client_id })
    const streamed = message(1, 'customer')
    expect(merge(merge(start, [streamed]), [answer])).toHaveLength(1)
    const later = merge(merge(start, [answer]), [streamed])
    expect(later).toHaveLength(1)
    expect(keyOf(later[0]!)).toBe(one.client_id)
  })

  it('leaves what is still on its way at the end', () => {
    const local = pending(draft('稍等'), 'customer', null, 'web')
    expect(merge(addLocal([], local), [message(9)]).at(-1)).toEqual(local)
  })
})

describe('our own messages', () => {
  it('are marked until they are sent, and then no more', () => {
    const one = draft('在吗')
    const failed = mark(addLocal([], pending(one, 'customer', null, 'web')), one.client_id, 'failed', '网络不通')
    expect(failed[0]).toMatchObject({ state: 'failed', fault: '网络不通' })
    const done = merge(failed, [message(1, 'customer', { client_id: one.client_id })])
    expect(mark(done, one.client_id, 'failed')).toEqual(done)
  })

  it('do not count for resuming', () => {
    expect(newestSeq(addLocal(merge([], [message(4)]), pending(draft('x'), 'customer', null, 'web')))).toBe(4)
  })
})

describe('livingButtons', () => {
  const offer = sent(2, 'bot', { buttons: buttons('好', '不用') })

  it('are those of the latest offer only', () => {
    const older = sent(1, 'bot', { buttons: buttons('旧的') })
    expect(livingButtons([older, offer])).toBe('m2')
  })

  it('stay when the same turn goes on, and end when the talk does', () => {
    expect(livingButtons([offer, sent(3)])).toBe('m2')
    expect(livingButtons([offer, sent(3, 'customer'), sent(4)])).toBeNull()
    expect(livingButtons([offer, sent(3, 'agent')])).toBeNull()
    expect(livingButtons([offer, sent(3, 'system')])).toBeNull()
  })

  it('end at once when one is pressed, but not for a press that failed', () => {
    const pressed = pending(draft('好'), 'customer', null, 'web')
    expect(livingButtons([offer, pressed])).toBeNull()
    expect(livingButtons([offer, { ...pressed, state: 'failed' }])).toBe('m2')
  })

  it('of the queue stay while the customer adds something', () => {
    const queued = sent(1, 'system', { buttons: buttons('取消排队') })
    expect(livingButtons([queued, sent(2, 'customer', { text: '还有，杯子也碎了' })])).toBe('m1')
  })
})

describe('what is shown', () => {
  it('knows which button was pressed', () => {
    const entries = [sent(1, 'bot', { buttons: buttons('好', '不用') }), sent(2, 'customer', { text: '不用' })]
    expect(pressedTitle(entries, 0)).toBe('不用')
    expect(pressedTitle([...entries.slice(0, 1), sent(2, 'customer', { text: '另外' })], 0)).toBeNull()
  })

  it('counts as unread only what there is to read from others', () => {
    const entries = [sent(1), sent(2, 'customer'), sent(3, 'agent'), sent(4, 'bot', { text: null, custom: { kefu: 'x' } })]
    expect(unreadSince(entries, 0)).toBe(2)
    expect(unreadSince(entries, 3)).toBe(0)
  })

  it('leaves out messages for programs', () => {
    expect(visible(message(1, 'bot', { text: null, custom: { kefu: 'handoff' } }))).toBe(false)
    expect(visible(message(1, 'bot', { text: null, custom: { card: 'orders', orders: [{ number: 'KF1' }] } }))).toBe(true)
  })
})
