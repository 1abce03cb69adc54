/** A message as the API gives it, and as a transcript shows it. */

export type Author = 'customer' | 'bot' | 'agent' | 'system'

export interface Button {
  title: string
  payload: string
}

export interface Message {
  id: string
  seq: number
  author: Author
  author_name: string | null
  text: string | null
  buttons: Button[]
  image: string | null
  custom: Record<string, unknown> | null
  channel: string
  created_at: string // ISO 8601, UTC
  client_id?: string | null
}

/** A message with its way: `pending` and `failed` are ours and not yet known to the server. */
export interface Entry extends Message {
  state: 'sent' | 'pending' | 'failed'
  fault?: string
}

/** What we want to send. The same `client_id` again is the same message. */
export interface Draft {
  client_id: string
  text: string
  payload?: string
  created_at: string
}

export function draft(text: string, payload?: string): Draft {
  return { client_id: newId(), text, payload, created_at: new Date().toISOString() }
}

function newId(): string {
  // randomUUID needs a secure context; a shop tried out over plain http in a LAN has none.
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function pending(draft: Draft, author: Author, authorName: string | null, channel: string): Entry {
  return {
    id: `local:${draft.client_id}`,
    seq: Number.MAX_SAFE_INTEGER,
    author,
    author_name: authorName,
    text: draft.text,
    buttons: [],
    image: null,
    custom: null,
    channel,
    created_at: draft.created_at,
    client_id: draft.client_id,
    state: 'pending',
  }
}
