/** What the host page's script and the chat in the iframe say to each other by postMessage. */

export type ToChat =
  | { kefu: 'hello'; memberToken?: string; title?: string; colour?: string }
  | { kefu: 'visible'; open: boolean }

export type ToHost = { kefu: 'unread'; count: number } | { kefu: 'close' }

const kindOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null ? (data as { kefu?: unknown }).kefu : undefined
const optional = (value: unknown): boolean => value === undefined || typeof value === 'string'

export function toChat(data: unknown): ToChat | null {
  const loose = data as Record<string, unknown>
  if (kindOf(data) === 'visible' && typeof loose.open === 'boolean') return data as ToChat
  const fits = optional(loose?.memberToken) && optional(loose?.title) && optional(loose?.colour)
  return kindOf(data) === 'hello' && fits ? (data as ToChat) : null
}

export function toHost(data: unknown): ToHost | null {
  if (kindOf(data) === 'close') return { kefu: 'close' }
  const count = (data as { count?: unknown } | null)?.count
  return kindOf(data) === 'unread' && Number.isInteger(count) ? { kefu: 'unread', count: count as number } : null
}
