/** The transcript as the desk shows it: times, and the channels of a customer who comes by several. */

import type { Entry } from '../../../core/pages/message'
import { pressedTitle, visible } from '../../../core/pages/thread'
import { apart, moment } from '../../../core/pages/time'

export interface Row {
  entry: Entry
  time: string | null
  /** The channel that the customer has come to with this message. */
  cameTo: string | null
  /** The first of several by the same author on the same channel. */
  first: boolean
  /** The channel's name, where there are several. */
  note: string | undefined
  pressed: string | null
}

const label = (entry: Entry): string => entry.channel_label ?? entry.channel

/** `customer`: the channel knows no name of the customer, the handoff may. */
export function rowsOf(entries: readonly Entry[], customer: string): Row[] {
  const shown = entries
    .filter(visible)
    .map((entry) => (entry.author === 'customer' && !entry.author_name ? { ...entry, author_name: customer } : entry))
  const several = new Set(shown.map((entry) => entry.channel)).size > 1
  let wroteBy: string | null = null
  return shown.map((entry, index) => {
    const before = shown[index - 1]
    const time = apart(before?.created_at, entry.created_at)
    const moved = entry.author === 'customer' && wroteBy !== null && wroteBy !== entry.channel
    if (entry.author === 'customer') wroteBy = entry.channel
    return {
      entry,
      time: time ? moment(entry.created_at) : null,
      cameTo: moved ? label(entry) : null,
      first: time || moved || before?.author !== entry.author || before?.channel !== entry.channel,
      note: several ? label(entry) : undefined,
      pressed: entry.buttons.length ? pressedTitle(shown, index) : null,
    }
  })
}
