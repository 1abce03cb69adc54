/**
 * The shapes of `custom` that are shown as a card. Fields are those of the backend protocols, money is a decimal
 * string (yuan). Anything else is not a card: the message's text stands for it.
 *
 *   {"card": "orders",   "orders":   [{number, title, status_label, amount, created_at}]}
 *   {"card": "shipment", "shipment": {order_number, carrier, tracking_number, status_label, eta, points: [{at, city, text}]}}
 *   {"card": "coupons",  "coupons":  [{name, value, minimum, scope, valid_until}]}
 */

export interface OrderView {
  number: string
  title: string
  status_label: string
  amount: string
  created_at: string
}

export interface ShipmentView {
  order_number: string
  carrier: string
  tracking_number: string
  status_label: string
  eta: string
  points: { at: string; city: string; text: string }[]
}

export interface CouponView {
  name: string
  value: string
  minimum: string
  scope: string
  valid_until: string
}

export type Card =
  | { card: 'orders'; orders: OrderView[] }
  | { card: 'shipment'; shipment: ShipmentView }
  | { card: 'coupons'; coupons: CouponView[] }

type Loose = Record<string, unknown>

const record = (value: unknown): Loose | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : null
const records = (value: unknown): Loose[] => (Array.isArray(value) ? value.map(record).filter((one) => one !== null) : [])
const said = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''

export const order = (one: Loose): OrderView => ({
  number: said(one.number),
  title: said(one.title),
  status_label: said(one.status_label),
  amount: said(one.amount),
  created_at: said(one.created_at),
})

export const coupon = (one: Loose): CouponView => ({
  name: said(one.name),
  value: said(one.value),
  minimum: said(one.minimum),
  scope: said(one.scope),
  valid_until: said(one.valid_until),
})

function shipment(one: Loose): ShipmentView {
  return {
    order_number: said(one.order_number),
    carrier: said(one.carrier),
    tracking_number: said(one.tracking_number),
    status_label: said(one.status_label),
    eta: said(one.eta),
    points: records(one.points).map((point) => ({ at: said(point.at), city: said(point.city), text: said(point.text) })),
  }
}

export function cardOf(custom: Loose | null): Card | null {
  if (!custom) return null
  if (custom.card === 'orders') {
    const orders = records(custom.orders).map(order).filter((one) => one.number)
    return orders.length ? { card: 'orders', orders } : null
  }
  if (custom.card === 'shipment') {
    const one = record(custom.shipment)
    return one && said(one.tracking_number) ? { card: 'shipment', shipment: shipment(one) } : null
  }
  if (custom.card === 'coupons') {
    const coupons = records(custom.coupons).map(coupon).filter((one) => one.name)
    return coupons.length ? { card: 'coupons', coupons } : null
  }
  return null
}

/** 129.00 → 129, 12.50 stays. */
export const yuan = (amount: string): string => amount.replace(/\.00$/, '')
