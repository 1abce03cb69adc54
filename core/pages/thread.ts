/** The transcript as a pure list: known messages by their seq, then our own that are still on their way. */

import { cardOf } from './cards'
import type { Entry, Message } from './message'

/** Adds messages; a repeated id changes nothing, a message of ours replaces its pending copy. */
export function merge(entries: readonly Entry[], incoming: readonly Message[]): Entry[] {
  const known = new Map<string, Entry>()
  const local: Entry[] = []
  for (const entry of entries) {
    if (entry.state === 'sent') known.set(entry.id, entry)
    else local.push(entry)
  }
  const arrived = new Set<string>()
  for (const message of incoming) {
    // The stream may give a message without its client_id after the answer to POST gave it with.
    const client_id = message.client_id ?? known.get(message.id)?.client_id
    if (client_id) arrived.add(client_id)
    known.set(message.id, { ...message, client_id, state: 'sent' })
  }
  const sent = [...known.values()].sort((a, b) => a.seq - b.seq)
  return [...sent, ...local.filter((entry) => !arrived.has(entry.client_id ?? ''))]
}

/** Two threads of the same customer as one, by time; each keeps its own order. */
export function interleave(earlier: readonly Message[], entries: readonly Entry[]): Entry[] {
  const found: Entry[] = []
  let next = 0
  for (const message of earlier) {
    for (; next < entries.length; next++) {
      const entry = entries[next]!
      if (entry.state !== 'sent' || Date.parse(entry.created_at) > Date.parse(message.created_at)) break
      found.push(entry)
    }
    found.push({ ...message, state: 'sent' })
  }
  return [...found, ...entries.slice(next)]
}

export function addLocal(entries: readonly Entry[], entry: Entry): Entry[] {
  return [...entries.filter((other) => other.client_id !== entry.client_id), entry]
}

export function mark(entries: readonly Entry[], clientId: string, state: Entry['state'], fault?: string): Entry[] {
  return entries.map((entry) =>
    entry.client_id === clientId && entry.state !== 'sent' ? { ...entry, state, fault } : entry,
  )
}

/** Some messages are only for programs (`custom` of no known shape): there is nothing to show of them. */
export const visible = (entry: Message): boolean =>
  !!(entry.text || entry.image || entry.attachments?.length || entry.buttons.length || cardOf(entry.custom))

/** Stable from pending to sent, so that a bubble does not jump when its message is accepted. */
export const keyOf = (entry: Entry): string => entry.client_id ?? entry.id

export const newestSeq = (entries: readonly Message[]): number =>
  entries.reduce((max, entry) => (entry.id.startsWith('local:') ? max : Math.max(max, entry.seq)), 0)

/**
 * The one message whose buttons may be pressed: the latest offer of the bot or the system, unless it was taken up
 * or the talk went on after it. Words of the customer that nobody answered yet (in the queue) leave it open.
 */
export function livingButtons(entries: readonly Entry[]): string | null {
  const saidSince: (string | null)[] = []
  let answered = false
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i]!
    if (entry.author === 'customer') {
      if (answered) return null
      if (entry.state !== 'failed') saidSince.push(entry.text)
      continue
    }
    if (entry.buttons.length > 0) return entry.buttons.some(({ title }) => saidSince.includes(title)) ? null : entry.id
    if (entry.author !== 'bot') return null
    answered = true
  }
  return null
}

/** Which button of a message was pressed: its title is what the customer said next. */
export function pressedTitle(entries: readonly Entry[], index: number): string | null {
  const next = entries.slice(index + 1).find((entry) => entry.author === 'customer')
  return entries[index]?.buttons.find((button) => button.title === next?.text)?.title ?? null
}

export const unreadSince = (entries: readonly Entry[], seq: number): number =>
  entries.filter((one) => one.state === 'sent' && one.author !== 'customer' && one.seq > seq && visible(one)).length
