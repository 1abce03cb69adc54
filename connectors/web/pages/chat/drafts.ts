/** Unsent messages of this tab, kept over a reload. */

import type { Draft } from '../../../../core/pages/message'
import { keep, recall } from '../../../../core/pages/store'

const keyOf = (conversation: string): string => `kefu.unsent.${conversation}`

export function unsent(conversation: string): Draft[] {
  const text = recall(keyOf(conversation), 'sessionStorage')
  return text ? (JSON.parse(text) as Draft[]) : []
}

export function hold(conversation: string, draft: Draft): void {
  // A preview lives as long as its page does.
  if (draft.media) draft = { ...draft, media: { ...draft.media, preview: null } }
  write(conversation, [...unsent(conversation).filter((one) => one.client_id !== draft.client_id), draft])
}

export function drop(conversation: string, clientId: string): void {
  write(conversation, unsent(conversation).filter((one) => one.client_id !== clientId))
}

/** The same person goes on in another conversation. */
export function carry(from: string, to: string): void {
  const left = unsent(from)
  write(from, [])
  const there = new Set(unsent(to).map((one) => one.client_id))
  if (left.length) write(to, [...unsent(to), ...left.filter((one) => !there.has(one.client_id))])
}

function write(conversation: string, drafts: Draft[]): void {
  keep(keyOf(conversation), drafts.length ? JSON.stringify(drafts) : null, 'sessionStorage')
}
