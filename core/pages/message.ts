/** A message as the API gives it, and as a transcript shows it. */

export type Author = 'customer' | 'bot' | 'agent' | 'system'

export interface Button {
  title: string
  payload: string
}

export type Kind = 'image' | 'voice' | 'video' | 'file' | 'location' | 'link'

/** What came beside words. `url` of stored media is signed and runs out after an hour or so. */
export interface Attachment {
  kind: Kind
  media_id: string | null
  url: string | null
  title: string | null
  position: [number, number] | null // latitude, longitude in degrees
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
  attachments?: Attachment[]
  channel: string
  created_at: string // ISO 8601, UTC
  client_id?: string | null
  /** The desk is told more: the channel's name, and why the message did not reach the customer. */
  channel_label?: string
  undelivered?: string | null
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
  media?: DraftMedia
  created_at: string
}

/** A file that was uploaded already, and what to show of it until the server has the message. */
export interface DraftMedia {
  media_id: string
  kind: Kind
  title: string | null
  preview: string | null
}

export function draft(text: string, payload?: string, media?: DraftMedia): Draft {
  return { client_id: newId(), text, payload, media, created_at: new Date().toISOString() }
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
    attachments: draft.media ? [shownOf(draft.media)] : [],
    channel,
    created_at: draft.created_at,
    client_id: draft.client_id,
    state: 'pending',
  }
}

const shownOf = ({ media_id, kind, title, preview }: DraftMedia): Attachment => ({
  kind,
  media_id,
  url: preview,
  title,
  position: null,
})
