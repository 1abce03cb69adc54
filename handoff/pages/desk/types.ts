/** What the desk's API says. */

import type { Message } from '../../../core/pages/message'

export interface Agent {
  id: string
  username: string
  name: string
  role: 'agent' | 'admin' | 'analyst'
  available: boolean
}

export interface Card {
  id: string
  conversation_id: string
  customer: { name: string; level: string | null; vip: boolean }
  channel: string
  channel_label: string
  reason: string
  reason_label: string
  priority: number
  created_at: string
  waiting_seconds: number
  taken_by: string | null
  taken_by_id: string | null
  status: 'waiting' | 'taken' | 'closed' | 'cancelled'
  resolution: Resolution | null
  note: string | null
  closed_at: string | null
  last_text: string | null
  /** What the customer said since an agent last spoke. */
  unread: number
  /** Messages that did not reach the customer. */
  undelivered: number
}

export interface Queue {
  waiting: Card[]
  mine: Card[]
  others: Card[]
  recent: Card[]
  agents_available: number
}

export interface SummaryLine {
  kind: string
  label: string
  text: string
  message_id: string | null
}

export interface Evidence {
  signal: string
  label: string
  value: number | string[]
  threshold: number
  fired: boolean
  decisive: boolean
  /** The reason there would have been without this signal; null: no handoff. */
  without_label: string | null
}

export interface Decision {
  handoff: boolean
  reason: string | null
  evidence: Evidence[]
}

export type Priority = 'low' | 'normal' | 'high' | 'urgent'
export type TicketStatus = 'open' | 'pending' | 'solved'
export type Resolution = 'solved' | 'follow_up' | 'unreachable'

export interface Ticket {
  id: string
  number: string
  subject: string
  body: string
  priority: Priority
  status: TicketStatus
  handoff_id: string | null
  created_at: string
}

/** Fields of the backend protocols; money as decimal text. What a shop does not have is missing. */
export interface Facts {
  member: Record<string, unknown> | null
  orders: Record<string, unknown>[]
  coupons: Record<string, unknown>[]
  points: unknown
}

export interface Link {
  /** Only for who may undo it. */
  id: string | null
  kind: 'member' | 'unionid' | 'phone'
  kind_label: string
  created_at: string
}

/** A channel the customer comes by; `link`: what proved that it is the same customer. */
export interface Way {
  channel: string
  channel_label: string
  since: string
  link: Link | null
}

export interface Detail {
  handoff: Card
  summary: { lines: SummaryLine[] }
  decision: Decision
  messages: Message[]
  /** Said elsewhere, before a link led here. */
  earlier: Message[]
  channels: Way[]
  facts: Facts | null
  facts_missing: string | null
  tickets: Ticket[]
}
