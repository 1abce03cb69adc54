/** Messages for tests. */

import type { Author, Entry, Message } from '../../core/pages/message'

export function message(seq: number, author: Author = 'bot', more: Partial<Message> = {}): Message {
  return {
    id: `m${seq}`,
    seq,
    author,
    author_name: null,
    text: `第 ${seq} 条`,
    buttons: [],
    image: null,
    custom: null,
    channel: 'web',
    created_at: '2026-11-22T08:00:00+00:00',
    ...more,
  }
}

export const sent = (seq: number, author: Author = 'bot', more: Partial<Message> = {}): Entry => ({
  ...message(seq, author, more),
  state: 'sent',
})

export const buttons = (...titles: string[]) => titles.map((title) => ({ title, payload: `/${title}` }))
