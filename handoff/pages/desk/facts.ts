/** The customer's facts as the desk shows them, from whatever the shop's systems know. */

import { coupon, order, yuan } from '../../../core/pages/cards'
import type { Facts } from './types'

const TONES: Record<string, string> = {
  pending_payment: 'warn',
  paid: 'accent',
  shipped: 'accent',
  in_transit: 'accent',
  delivered: 'good',
  completed: 'good',
  refunding: 'bad',
}

export interface Row {
  label: string
  value: string
}

export function memberRows(facts: Facts): Row[] {
  const member = facts.member ?? {}
  const rows: [string, unknown][] = [
    ['会员号', member.id ?? member.member_id],
    ['手机', member.phone],
    ['成长值', member.growth],
    ['入会', typeof member.joined_at === 'string' ? member.joined_at.slice(0, 10) : null],
  ]
  return rows.flatMap(([label, value]) => (value === null || value === undefined ? [] : [{ label, value: String(value) }]))
}

export function points(facts: Facts): { balance: string; expiring: string | null } | null {
  const found = facts.points
  if (typeof found === 'number') return { balance: found.toLocaleString('zh-CN'), expiring: null }
  if (typeof found !== 'object' || found === null) return null
  const { balance, expiring, expires_on } = found as Record<string, unknown>
  if (typeof balance !== 'number') return null
  const lapse = typeof expiring === 'number' && expiring > 0 ? `${expiring} 分将于 ${String(expires_on)} 到期` : null
  return { balance: balance.toLocaleString('zh-CN'), expiring: lapse }
}

export const orders = (facts: Facts) =>
  facts.orders.map((raw) => {
    const items = Array.isArray(raw.items) ? (raw.items as { name?: unknown; quantity?: unknown }[]) : []
    const shown = order(raw)
    return {
      ...shown,
      title: shown.title || items.map((item) => String(item.name)).join('、'),
      price: yuan(shown.amount),
      tone: TONES[String(raw.status)] ?? '',
      status: shown.status_label || String(raw.status ?? ''),
      parcel: raw.tracking_number ? `${String(raw.carrier ?? '')} ${String(raw.tracking_number)}`.trim() : null,
    }
  })

export const coupons = (facts: Facts) =>
  facts.coupons
    .filter((raw) => raw.status === undefined || raw.status === 'available')
    .map((raw) => {
      const shown = coupon(raw)
      const floor = Number(shown.minimum) > 0 ? `满${yuan(shown.minimum)}减${yuan(shown.value)}` : `减${yuan(shown.value)}`
      return { ...shown, floor }
    })
