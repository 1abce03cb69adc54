/** The agent's work: queue, the open conversation, and what changes them, as one reactive thing. */

import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { ApiError, words } from '../../../core/pages/api'
import { inWords } from '../../../core/pages/attachments'
import { draft, type Draft, type Entry, type Message, pending } from '../../../core/pages/message'
import { Outgoing } from '../../../core/pages/outgoing'
import { EventStream, type StreamEvent, type StreamState } from '../../../core/pages/sse'
import { addLocal, interleave, mark, merge } from '../../../core/pages/thread'
import { blink, count, ring } from './alert'
import * as api from './api'
import { toast } from './toast'
import type { Agent, Card, Detail, Priority, Queue, Resolution } from './types'

const NONE: Queue = { waiting: [], mine: [], others: [], recent: [], agents_available: 0 }

export function useDesk(agent: Agent, onSignedOut: () => void) {
  const queue = shallowRef<Queue>(NONE)
  const queueRead = ref(0) // performance.now() of the last reading: waiting times count on from there
  const detail = shallowRef<Detail | null>(null)
  const entries = shallowRef<Entry[]>([])
  const selected = ref<string | null>(null)
  const opening = ref(false)
  const busy = ref(false)
  const resending = ref<ReadonlySet<string>>(new Set())
  const available = ref(agent.available)
  const connection = ref<StreamState>('connecting')
  const threads = new Map<string, Entry[]>() // of conversations that were left with replies on their way

  const outgoing = new Outgoing({
    post: (one) => api.reply(targets.get(one.client_id)!, one.client_id, one.text),
    onSent: (one, message) => change(one, (list) => merge(list, [{ ...message, client_id: one.client_id }])),
    onFailed: (one, why) => change(one, (list) => mark(list, one.client_id, 'failed', why)),
  })
  const targets = new Map<string, string>() // client_id → handoff

  function change(one: Draft, how: (list: Entry[]) => Entry[]): void {
    const id = targets.get(one.client_id)!
    if (id === selected.value) entries.value = how(entries.value)
    else threads.set(id, how(threads.get(id) ?? []))
  }

  /** A failure is told; a session that ended leads back to the log-in. */
  async function attempt<T>(what: () => Promise<T>): Promise<T | null> {
    try {
      return await what()
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) onSignedOut()
      else toast(words(error), 'bad')
      return null
    }
  }

  let reading: Promise<void> | null = null
  let again = false
  /** Many changes at once make one reading, and one more for what changed during it. */
  async function readQueue(): Promise<void> {
    if (reading) {
      again = true
      return reading
    }
    reading = (async () => {
      do {
        again = false
        const now = await attempt(api.queue)
        if (!now) return
        const first = queueRead.value === 0
        const known = new Set(queue.value.waiting.map((card) => card.id))
        const added = now.waiting.filter((card) => !known.has(card.id))
        queue.value = now
        queueRead.value = performance.now()
        count(now.waiting.length)
        if (!first && added.length) announce(added)
      } while (again)
    })().finally(() => (reading = null))
    return reading
  }

  function announce(added: Card[]): void {
    ring()
    const first = added[0]!
    blink(`【新会话】${first.customer.name}`)
    toast(added.length > 1 ? `新增 ${added.length} 位顾客等待` : `${first.customer.name} 请求人工：${first.reason_label}`)
  }

  async function open(id: string): Promise<void> {
    if (selected.value && selected.value !== id) leave(selected.value)
    selected.value = id
    history.replaceState(null, '', `#${id}`)
    opening.value = true
    const read = await attempt(() => api.read(id))
    if (selected.value !== id) return // another one was opened meanwhile
    opening.value = false
    if (read) show(read)
    else if (detail.value?.handoff.id !== id) shut()
  }

  function leave(id: string): void {
    const local = entries.value.filter((entry) => entry.state !== 'sent')
    if (local.length) threads.set(id, local)
    detail.value = null
    entries.value = []
  }

  function show(read: Detail): void {
    const local = threads.get(read.handoff.id) ?? entries.value.filter((entry) => entry.state !== 'sent')
    threads.delete(read.handoff.id)
    detail.value = read
    entries.value = merge(local, read.messages)
  }

  function shut(): void {
    if (selected.value) leave(selected.value)
    selected.value = null
    history.replaceState(null, '', location.pathname)
  }

  async function take(id: string): Promise<void> {
    busy.value = true
    const read = await attempt(() => api.take(id))
    busy.value = false
    if (read && selected.value === id) show(read)
    else if (read) await open(id)
    void readQueue()
  }

  function reply(text: string): void {
    if (selected.value) dispatch(draft(text), selected.value)
  }

  function dispatch(one: Draft, id: string): void {
    targets.set(one.client_id, id)
    const { channel, channel_label } = detail.value?.handoff ?? { channel: 'web' }
    entries.value = addLocal(entries.value, { ...pending(one, 'agent', agent.name, channel), channel_label })
    outgoing.send(one)
  }

  function retry(entry: Entry): void {
    if (!entry.client_id || !entry.text || !selected.value) return
    dispatch({ client_id: entry.client_id, text: entry.text, created_at: entry.created_at }, selected.value)
  }

  /** Sends again what did not reach the customer; how it fares this time comes by the stream. */
  async function resend(messageId: string): Promise<void> {
    const id = selected.value
    if (!id || resending.value.has(messageId)) return
    resending.value = new Set([...resending.value, messageId])
    const queued = await attempt(() => api.resend(id, messageId))
    resending.value = new Set([...resending.value].filter((one) => one !== messageId))
    if (!queued) return
    if (id === selected.value) entries.value = merge(entries.value, [queued])
    void readQueue()
  }

  async function undoLink(linkId: string): Promise<boolean> {
    busy.value = true
    const done = await attempt(async () => (await api.undoLink(linkId), true))
    busy.value = false
    if (!done) return false
    toast('关联已撤销', 'good')
    if (selected.value) await open(selected.value)
    return true
  }

  async function close(resolution: Resolution, note: string): Promise<boolean> {
    const id = selected.value
    if (!id) return false
    busy.value = true
    const done = await attempt(async () => (await api.close(id, resolution, note), true))
    busy.value = false
    if (done) {
      toast('会话已结束，已交还机器人', 'good')
      void readQueue()
      void open(id)
    }
    return done === true
  }

  async function ticket(subject: string, body: string, priority: Priority): Promise<boolean> {
    const id = selected.value
    if (!id) return false
    busy.value = true
    const made = await attempt(() => api.ticket(id, subject, body, priority))
    busy.value = false
    if (made && detail.value?.handoff.id === id) {
      detail.value = { ...detail.value, tickets: [made, ...detail.value.tickets.filter((one) => one.id !== made.id)] }
      toast(`工单 ${made.number ?? ''} 已建`, 'good')
    }
    return made !== null
  }

  async function setAvailable(on: boolean): Promise<void> {
    available.value = on
    const done = await attempt(async () => (await api.status(on), true))
    if (!done) available.value = !on
  }

  function receive(event: StreamEvent): void {
    const data = JSON.parse(event.data) as { handoff_id?: string; message?: Message }
    if (event.event === 'queue') void readQueue()
    else if (event.event === 'message' && data.handoff_id && data.message) heard(data.handoff_id, data.message)
    else if (event.event === 'delivery' && data.handoff_id && data.message) arrived(data.handoff_id, data.message)
    else if (event.event === 'owner') {
      void readQueue()
      if (data.handoff_id && data.handoff_id === selected.value) void open(data.handoff_id)
    }
  }

  /** A message that has now failed to reach the customer, or is on its way again. */
  function arrived(id: string, message: Message): void {
    if (id === selected.value && detail.value) entries.value = merge(entries.value, [message])
    const card = queue.value.mine.find((one) => one.id === id)
    if (card && message.undelivered) toast(`发给${card.customer.name}的消息没有送达`, 'bad')
    void readQueue()
  }

  function heard(id: string, message: Message): void {
    if (id === selected.value && detail.value) {
      entries.value = merge(entries.value, [message])
      // On another channel: the customer may have been linked just now, with words and channels of their own.
      if (message.author === 'customer' && message.channel !== detail.value.handoff.channel) void open(id)
    }
    queue.value = touch(queue.value, id, message)
    const card = queue.value.mine.find((one) => one.id === id)
    const away = id !== selected.value || document.visibilityState !== 'visible'
    if (card && away && message.author === 'customer') {
      ring()
      blink(`【新消息】${card.customer.name}`)
    }
  }

  const stream = new EventStream({
    url: () => '/api/desk/stream',
    onEvent: receive,
    onState: (state) => {
      connection.value = state
      if (state !== 'open') return
      // The stream has no memory: what happened before it was open is read again.
      void readQueue()
      if (selected.value) void open(selected.value)
    },
    onRefused: onSignedOut,
  })

  const wake = (): void => stream.wake()
  window.addEventListener('online', wake)
  onScopeDispose(() => {
    stream.stop()
    window.removeEventListener('online', wake)
  })

  return {
    agent,
    queue,
    queueRead,
    detail,
    /** The conversation, with what the customer said elsewhere before a link led here. */
    entries: computed(() => interleave(detail.value?.earlier ?? [], entries.value)),
    selected,
    opening,
    busy,
    available,
    connection,
    mayAct: agent.role !== 'analyst',
    /** The open conversation is this agent's to reply to and to close; an administrator may step in anywhere. */
    mine: computed(() => {
      const card = detail.value?.handoff
      return card?.status === 'taken' && (card.taken_by_id === agent.id || agent.role === 'admin')
    }),
    start: () => {
      stream.start()
      const linked = location.hash.slice(1)
      if (linked) void open(linked)
    },
    open,
    shut,
    take,
    reply,
    retry,
    resend,
    resending,
    undoLink,
    close,
    ticket,
    setAvailable,
    attempt,
  }
}

export type Desk = ReturnType<typeof useDesk>

/** The cards of a conversation after a message, without reading the queue again. */
function touch(queue: Queue, id: string, message: Message): Queue {
  const after = (card: Card): Card => {
    if (card.id !== id) return card
    if (message.author === 'customer') return { ...card, last_text: inWords(message), unread: card.unread + 1 }
    return message.author === 'agent' ? { ...card, unread: 0 } : card
  }
  const { waiting, mine, others } = queue
  return { ...queue, waiting: waiting.map(after), mine: mine.map(after), others: others.map(after) }
}
