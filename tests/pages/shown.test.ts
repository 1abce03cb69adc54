import { describe, expect, it } from 'vitest'
import { toChat, toHost } from '../../connectors/web/pages/wire'
import { attachmentsOf, inWords } from '../../core/pages/attachments'
import { cardOf, yuan } from '../../core/pages/cards'
import { colour, inkOn } from '../../core/pages/colour'
import { lengthOf, pictureAddress, pieces } from '../../core/pages/text'
import { apart, moment, span } from '../../core/pages/time'
import { inShort, otherwise, ranked, thresholdText, valueText } from '../../handoff/pages/desk/evidence'
import type { Evidence } from '../../handoff/pages/desk/types'

describe('text', () => {
  it('finds addresses and leaves Chinese punctuation outside', () => {
    expect(pieces('详见https://a.cn/x?y=1。谢谢')).toEqual([
      { text: '详见' },
      { text: 'https://a.cn/x?y=1', href: 'https://a.cn/x?y=1' },
      { text: '。谢谢' },
    ])
    expect(pieces('javascript:alert(1)')).toEqual([{ text: 'javascript:alert(1)' }])
  })

  it('counts letters as the server does', () => expect(lengthOf('好😀𠮷')).toBe(3))

  it('shows pictures from the web and from here only', () => {
    expect(pictureAddress('https://a.cn/1.png')).toBe('https://a.cn/1.png')
    expect(pictureAddress('/media/1.png')).toBe('/media/1.png')
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', '//a.cn/1.png', '', null]) expect(pictureAddress(bad)).toBeNull()
  })
})

describe('attachments', () => {
  const bare = { media_id: null, url: null, title: null, position: null }

  it('are named, and followed only to the web, to here, or to a picture of this page', () => {
    const shown = (url: string) => attachmentsOf({ image: null, attachments: [{ ...bare, kind: 'file', url }] })[0]
    expect(shown('/media/x?key=1')).toEqual({ kind: 'file', address: '/media/x?key=1', title: '文件' })
    expect(shown('blob:https://a.cn/1')?.address).toBe('blob:https://a.cn/1')
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', '//a.cn/x']) expect(shown(bad)?.address).toBeNull()
  })

  it('lead to a map where they are a place', () => {
    const [place] = attachmentsOf({ image: null, attachments: [{ ...bare, kind: 'location', title: '解放路1号', position: [31.2, 121.5] }] })
    expect(place?.title).toBe('解放路1号')
    expect(new URL(place!.address!).searchParams.get('position')).toBe('121.5,31.2')
  })

  it('hold a bot’s picture, too', () => {
    expect(attachmentsOf({ image: 'https://a.cn/1.png' })).toEqual([{ kind: 'image', address: 'https://a.cn/1.png', title: '图片' }])
  })

  it('are put in words for lists', () => {
    expect(inWords({ text: '碎了', attachments: [{ ...bare, kind: 'image' }] })).toBe('[图片] 碎了')
    expect(inWords({ text: '', attachments: [{ ...bare, kind: 'file', title: '发票.pdf' }] })).toBe('[文件：发票.pdf]')
  })
})

describe('time', () => {
  const at = (text: string) => new Date(text).toISOString()
  const now = new Date('2026-11-22T15:00:00')

  it('is said as people say it', () => {
    expect(moment(at('2026-11-22T09:05:00'), now)).toBe('09:05')
    expect(moment(at('2026-11-21T23:59:00'), now)).toBe('昨天 23:59')
    expect(moment(at('2026-11-18T08:00:00'), now)).toBe('星期三 08:00')
    expect(moment(at('2026-03-08T08:00:00'), now)).toBe('3月8日 08:00')
    expect(moment(at('2025-03-08T08:00:00'), now)).toBe('2025年3月8日 08:00')
  })

  it('separates messages that are minutes apart', () => {
    expect(apart(undefined, at('2026-11-22T09:00:00'))).toBe(true)
    expect(apart(at('2026-11-22T09:00:00'), at('2026-11-22T09:04:00'))).toBe(false)
    expect(apart(at('2026-11-22T09:00:00'), at('2026-11-22T09:06:00'))).toBe(true)
  })

  it('counts waiting', () => expect([8, 200, 3900, 90_000].map(span)).toEqual(['8秒', '3分20秒', '1小时5分', '1天1小时']))
})

describe('cards', () => {
  it('take known shapes and nothing else', () => {
    expect(cardOf({ card: 'orders', orders: [{ number: 'KF1', title: '杯子', status_label: '已发货', amount: '9.90', created_at: '' }] })).toMatchObject({ card: 'orders' })
    expect(cardOf({ card: 'shipment', shipment: { tracking_number: 'SF1', points: [{ text: '已揽收' }] } })).toMatchObject({
      shipment: { points: [{ at: '', city: '', text: '已揽收' }] },
    })
    for (const bad of [null, {}, { card: 'orders', orders: [] }, { card: 'orders', orders: 'x' }, { card: 'shipment' }, { card: 'coupons', coupons: [null] }, { kefu: 'handoff' }]) {
      expect(cardOf(bad)).toBeNull()
    }
  })

  it('write money plainly', () => expect(['129.00', '12.50', '8'].map(yuan)).toEqual(['129', '12.50', '8']))
})

describe('a shop’s colour', () => {
  it('is a hex colour or not taken', () => {
    expect(colour(' #0a7f73 ')).toBe('#0a7f73')
    for (const bad of ['red;background:url(x)', '#12345', '', null, undefined]) expect(colour(bad)).toBeNull()
  })

  it('gets readable letters', () => expect([inkOn('#0a7f73'), inkOn('#ffe04d'), inkOn('#fff')]).toEqual(['#ffffff', '#14201e', '#14201e']))
})

describe('messages between frames', () => {
  it('are taken only in their own shape', () => {
    expect(toChat({ kefu: 'hello', memberToken: 't' })).toEqual({ kefu: 'hello', memberToken: 't' })
    expect(toHost({ kefu: 'unread', count: 3 })).toEqual({ kefu: 'unread', count: 3 })
    expect(toHost({ kefu: 'keep', visitor: 't' })).toEqual({ kefu: 'keep', visitor: 't' })
    for (const bad of [null, 'hello', {}, { kefu: 'hello', memberToken: 5 }, { kefu: 'visible', open: 'yes' }]) expect(toChat(bad)).toBeNull()
    for (const bad of [null, 7, { kefu: 'unread', count: '<b>' }, { kefu: 'keep', visitor: 5 }, { kefu: 'hello' }]) expect(toHost(bad)).toBeNull()
  })
})

describe('evidence', () => {
  const mood: Evidence = { signal: 'sentiment', label: '这句话的情绪', value: -0.86, threshold: -0.7, fired: true, decisive: true, without_label: null }
  const wish: Evidence = { signal: 'explicit_wish', label: '要人工的意愿', value: 0.12, threshold: 0.6, fired: false, decisive: false, without_label: '客户情绪不好' }
  const words: Evidence = { signal: 'risk_terms', label: '安全或法律用词', value: ['过敏'], threshold: 1, fired: true, decisive: false, without_label: '客户情绪不好' }

  it('reads as words', () => {
    expect([mood, wish, words].map(valueText)).toEqual(['−0.86', '12%', '过敏'])
    expect([mood, wish, words].map(thresholdText)).toEqual(['≤ −0.70', '≥ 60%', '≥ 1 个'])
    expect(inShort([wish, mood])).toBe('这句话的情绪 −0.86（阈值 ≤ −0.70）')
    expect([mood, words].map(otherwise)).toEqual(['否则不转人工', '否则因“客户情绪不好”'])
  })

  it('puts first what made the difference', () => {
    expect(ranked([wish, words, mood]).map((one) => one.signal)).toEqual(['sentiment', 'risk_terms', 'explicit_wish'])
  })
})
