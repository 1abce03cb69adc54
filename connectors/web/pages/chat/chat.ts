/** The customer's conversation: session, transcript, stream and what is on its way, as one reactive thing. */

import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { words } from '../../../../core/pages/api'
import { type Author, type Button, type Draft, draft, type Entry, type Message, pending } from '../../../../core/pages/message'
import { Outgoing } from '../../../../core/pages/outgoing'
import { EventStream, type StreamEvent, type StreamState } from '../../../../core/pages/sse'
import { addLocal, livingButtons, mark, merge, newestSeq } from '../../../../core/pages/thread'
import { carry, drop, hold, unsent } from './drafts'
import { usePhoneProof } from './phone'
import { type Owner, Session, type SessionInfo } from './session'
import { upload } from './uploads'

interface Page {
  messages: Message[]
  has_more: boolean
}

const PAGE = 50
const TYPING_AT_MOST = 12_000 // a typing sign that no message follows goes away

export function useChat() {
  const info = shallowRef<SessionInfo | null>(null)
  const owner = ref<Owner>({ kind: 'bot' })
  const entries = shallowRef<Entry[]>([])
  const connection = ref<StreamState>('connecting')
  const ready = ref(false)
  const fault = ref<string | null>(null)
  const typing = ref<Author | null>(null)
  const hasMore = ref(false)
  const loadingOlder = ref(false)
  let stream: EventStream | null = null
  const uploading = ref(0)
  let typingTimer = 0
  let faultTimer = 0
  let restart = 0
  let writer: string | null = null // the conversation of who wrote the drafts of this tab

  const session = new Session((opened) => {
    const before = info.value?.conversation_id
    const moved = before !== undefined && before !== opened.conversation_id
    info.value = opened
    owner.value = opened.owner
    if (writer && writer !== opened.conversation_id) carry(writer, opened.conversation_id)
    writer = opened.conversation_id
    if (moved && ready.value) void start()
  })

  const outgoing = new Outgoing({
    post: async (one) => {
      const media = one.media && { media_ids: [one.media.media_id], title: one.media.title }
      const body = { client_id: one.client_id, text: one.text, payload: one.payload, ...media }
      return (await session.call<{ message: Message }>('/api/web/messages', { method: 'POST', body })).message
    },
    onSent: (one, message) => {
      drop(conversation(), one.client_id)
      entries.value = merge(entries.value, [{ ...message, client_id: one.client_id }])
      if (owner.value.kind === 'bot' && newestSeq(entries.value) === message.seq) showTyping('bot')
    },
    onFailed: (one, why, refused) => {
      if (refused) drop(conversation(), one.client_id) // not tried again on every reload
      entries.value = mark(entries.value, one.client_id, 'failed', why)
    },
  })

  const conversation = (): string => info.value?.conversation_id ?? ''

  async function start(memberToken?: string): Promise<void> {
    window.clearTimeout(restart)
    ready.value = false
    try {
      await session.open(memberToken)
      await load()
      fault.value = null
    } catch (error) {
      fault.value = words(error)
      restart = window.setTimeout(() => void start(memberToken), 4000)
    }
  }

  /** The newest page of the conversation, what this tab had not sent yet, then live from there. */
  async function load(): Promise<void> {
    stream?.stop()
    const page = await session.call<Page>(`/api/web/messages?limit=${PAGE}`)
    entries.value = merge([], page.messages)
    hasMore.value = page.has_more
    ready.value = true
    const known = new Set(page.messages.map((message) => message.client_id))
    for (const one of unsent(conversation())) {
      if (known.has(one.client_id)) drop(conversation(), one.client_id)
      else dispatch(one)
    }
    listen(newestSeq(page.messages))
  }

  function listen(after: number): void {
    stream?.stop() // of another loading at the same time
    stream = new EventStream(
      {
        url: (lastId) => `/api/web/stream?after=${lastId}`,
        headers: session.headers,
        onEvent: receive,
        onState: (state) => {
          connection.value = state
          if (state !== 'open') return
          // Changes of the owner have no id to resume from: ask for what was missed before the stream was open.
          session.open().catch(() => undefined)
          resend()
        },
        onRefused: () => void start(),
      },
      String(after),
    )
    stream.start()
  }

  /** The connection is back: what failed without it goes out by itself. */
  function resend(): void {
    const failed = new Set(entries.value.filter((entry) => entry.state === 'failed').map((entry) => entry.client_id))
    for (const one of unsent(conversation())) if (failed.has(one.client_id)) dispatch(one)
  }

  function receive(event: StreamEvent): void {
    const data: unknown = JSON.parse(event.data)
    if (event.event === 'message') {
      const message = data as Message
      entries.value = merge(entries.value, [message])
      if (message.author !== 'customer') typing.value = null
    } else if (event.event === 'owner') {
      owner.value = data as Owner
      typing.value = null
    } else if (event.event === 'moved') {
      // A link leads this visitor to another conversation: all of it is read, and what was on its way goes there.
      typing.value = null
      void start()
    } else if (event.event === 'typing') showTyping((data as { author: Author }).author)
  }

  function showTyping(author: Author): void {
    if (author === 'customer') return
    window.clearTimeout(typingTimer)
    typing.value = author
    typingTimer = window.setTimeout(() => (typing.value = null), TYPING_AT_MOST)
  }

  function dispatch(one: Draft): void {
    entries.value = addLocal(entries.value, pending(one, 'customer', null, 'web'))
    outgoing.send(one)
  }

  function send(text: string, payload?: string): void {
    const one = draft(text, payload)
    hold(conversation(), one)
    dispatch(one)
  }

  /** Stores a file, then sends it as a message of its own. What went wrong is said above the conversation. */
  async function sendFile(file: File): Promise<void> {
    uploading.value += 1
    try {
      const one = draft('', undefined, await upload(session, file))
      hold(conversation(), one)
      dispatch(one)
    } catch (error) {
      fault.value = words(error)
      window.clearTimeout(faultTimer)
      faultTimer = window.setTimeout(() => (fault.value = null), 6000)
    } finally {
      uploading.value -= 1
    }
  }

  function retry(entry: Entry): void {
    const { client_id, text, created_at } = entry
    const held = unsent(conversation()).find((one) => one.client_id === client_id)
    if (held) dispatch(held)
    else if (client_id && text) dispatch({ client_id, text, created_at })
  }

  async function older(): Promise<void> {
    const first = entries.value[0]
    if (!first || !hasMore.value || loadingOlder.value) return
    loadingOlder.value = true
    try {
      const here = conversation()
      const page = await session.call<Page>(`/api/web/messages?before=${first.seq}&limit=${PAGE}`)
      if (here !== conversation()) return
      entries.value = merge(entries.value, page.messages)
      hasMore.value = page.has_more
    } catch (error) {
      fault.value = words(error)
    } finally {
      loadingOlder.value = false
    }
  }

  /** Another person at the same browser: nothing of the one before stays on the page. */
  async function change(memberToken: string | null): Promise<void> {
    stream?.stop()
    if (memberToken === null) session.forget()
    entries.value = []
    typing.value = null
    proof.forget()
    writer = null // who comes now does not send what this one wrote
    await start(memberToken ?? undefined)
  }

  /** Kept here, so that a menu that is shut meanwhile loses nothing. */
  const proof = usePhoneProof({
    ask: async (phone) => void (await session.call('/api/identity/phone', { method: 'POST', body: { phone } })),
    verify: async (phone, code) => {
      const body = { phone, code }
      const led = await session.call<{ conversation_id: string }>('/api/identity/phone/verify', { method: 'POST', body })
      if (led.conversation_id !== conversation() && ready.value) await start()
    },
  })

  function wake(): void {
    if (document.visibilityState === 'visible') stream?.wake()
  }
  window.addEventListener('online', wake)
  document.addEventListener('visibilitychange', wake)
  onScopeDispose(() => {
    stream?.stop()
    window.clearTimeout(restart)
    window.removeEventListener('online', wake)
    document.removeEventListener('visibilitychange', wake)
  })

  return {
    info,
    owner,
    entries,
    connection,
    ready,
    fault,
    typing,
    hasMore,
    loadingOlder,
    living: computed(() => (owner.value.kind === 'agent' ? null : livingButtons(entries.value))),
    adopt: (token: string) => session.adopt(token),
    start,
    send,
    sendFile,
    uploading,
    press: (button: Button) => send(button.title, button.payload),
    retry,
    older,
    change,
    proof,
    wake: () => stream?.wake(),
  }
}

export type Chat = ReturnType<typeof useChat>
