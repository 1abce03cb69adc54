/** What the host page's script and the chat in the iframe say to each other by postMessage. */

/**
 * `visitor` and `keep`: where the browser denies storage to the iframe, the host page keeps the visitor's token. It
 * tells the host nothing new: such a chat begins on the host's page and has no memory of any other.
 */
export type ToChat =
  | { kefu: 'hello'; memberToken?: string; title?: string; colour?: string; visitor?: string }
  | { kefu: 'visible'; open: boolean }

export type ToHost = { kefu: 'unread'; count: number } | { kefu: 'keep'; visitor: string } | { kefu: 'close' }

const kindOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null ? (data as { kefu?: unknown }).kefu : undefined
const optional = (value: unknown): boolean => value === undefined || typeof value === 'string'

export function toChat(data: unknown): ToChat | null {
  const loose = data as Record<string, unknown>
  if (kindOf(data) === 'visible' && typeof loose.open === 'boolean') return data as ToChat
  const fits = [loose?.memberToken, loose?.title, loose?.colour, loose?.visitor].every(optional)
  return kindOf(data) === 'hello' && fits ? (data as ToChat) : null
}

export function toHost(data: unknown): ToHost | null {
  if (kindOf(data) === 'close') return { kefu: 'close' }
  const { count, visitor } = (data ?? {}) as { count?: unknown; visitor?: unknown }
  if (kindOf(data) === 'keep' && typeof visitor === 'string') return { kefu: 'keep', visitor }
  return kindOf(data) === 'unread' && Number.isInteger(count) ? { kefu: 'unread', count: count as number } : null
}
