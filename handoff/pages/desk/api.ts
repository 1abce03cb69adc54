/** Calls of the desk's API. The session is a cookie that scripts cannot read; unsafe methods carry our header. */

import { type Call, request } from '../../../core/pages/api'
import type { Message } from '../../../core/pages/message'
import type { Agent, Detail, Priority, Queue, Resolution, Ticket, TicketStatus } from './types'

const GUARD = { 'X-Kefu-Desk': '1' }
const get = <T>(path: string): Promise<T> => request<T>(`/api/desk${path}`)
const send = <T>(path: string, body: unknown = {}, method: Call['method'] = 'POST'): Promise<T> =>
  request<T>(`/api/desk${path}`, { method, body, headers: GUARD })
const handoff = (id: string): string => `/handoffs/${encodeURIComponent(id)}`

export const me = async (): Promise<Agent> => (await get<{ agent: Agent }>('/me')).agent
export const login = async (username: string, password: string): Promise<Agent> =>
  (await send<{ agent: Agent }>('/login', { username, password })).agent
export const logout = (): Promise<unknown> => send('/logout')
export const status = (available: boolean): Promise<unknown> => send('/status', { available })
export const queue = (): Promise<Queue> => get('/queue')
export const read = (id: string): Promise<Detail> => get(handoff(id))
export const take = (id: string): Promise<Detail> => send(`${handoff(id)}/take`)
export const reply = async (id: string, clientId: string, text: string): Promise<Message> =>
  (await send<{ message: Message }>(`${handoff(id)}/reply`, { client_id: clientId, text })).message
export const resend = async (id: string, message: string): Promise<Message> =>
  (await send<{ message: Message }>(`${handoff(id)}/messages/${encodeURIComponent(message)}/resend`)).message
export const undoLink = (id: string): Promise<unknown> => send(`/links/${encodeURIComponent(id)}/undo`)
export const close = (id: string, resolution: Resolution, note: string): Promise<unknown> =>
  send(`${handoff(id)}/close`, { resolution, note: note || undefined })
export const ticket = async (id: string, subject: string, body: string, priority: Priority): Promise<Ticket> =>
  (await send<{ ticket: Ticket }>(`${handoff(id)}/ticket`, { subject, body, priority })).ticket
export const tickets = async (of: TicketStatus | ''): Promise<Ticket[]> =>
  (await get<{ tickets: Ticket[] }>(`/tickets${of ? `?status=${of}` : ''}`)).tickets
export const moveTicket = (id: string, to: TicketStatus): Promise<unknown> =>
  send(`/tickets/${encodeURIComponent(id)}`, { status: to }, 'PATCH')
