import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type EffectScope, effectScope } from 'vue'
import { useChat } from '../../connectors/web/pages/chat/chat'
import { keep } from '../../core/pages/store'
import type { Message } from '../../core/pages/message'
import { message } from './made'

/** A server with two conversations; `here` is the one that the visitor leads to. */
class Server {
  here = 'c1'
  down = false
  readonly threads: Record<string, Message[]> = { c1: [message(1)], c2: [message(1, 'bot', { id: 'n1', text: '会员您好' })] }
  readonly posted: string[] = []
  followed = 0 // streams that were opened
  private streams: ReadableStreamDefaultController<Uint8Array>[] = []

  readonly fetch = async (path: string, init: RequestInit = {}): Promise<Response> => {
    if (path === '/api/web/session') return Response.json({ token: this.token(init), conversation_id: this.here, owner: { kind: 'bot' } })
    if (path.startsWith('/api/web/stream')) {
      this.followed += 1
      return new Response(new ReadableStream({ start: (one) => void this.streams.push(one) }))
    }
    if (init.method !== 'POST') return Response.json({ messages: this.threads[this.here], has_more: false })
    if (this.down) throw new TypeError('no network')
    const { client_id, text } = JSON.parse(String(init.body)) as { client_id: string; text: string }
    this.posted.push(text)
    const thread = this.threads[this.here]!
    const known = thread.find((one) => one.client_id === client_id)
    const stored = known ?? message(thread.length + 1, 'customer', { id: `${this.here}-${client_id}`, client_id, text })
    if (!known) thread.push(stored)
    return Response.json({ message: stored })
  }

  tell(event: string): void {
    for (const one of this.streams.splice(0)) {
      one.enqueue(new TextEncoder().encode(`event: ${event}\ndata: {}\n\n`))
    }
  }

  private token(init: RequestInit): string {
    return (JSON.parse(String(init.body)) as { member_token?: string }).member_token ?? 'visitor'
  }
}

let server: Server
let scope: EffectScope
const texts = (chat: ReturnType<typeof useChat>) => chat.entries.value.map((entry) => [entry.text, entry.state])

beforeEach(() => {
  vi.useFakeTimers()
  scope = effectScope()
  server = new Server()
  const stored = new Map<string, string>()
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  }
  const target = { addEventListener: () => undefined, removeEventListener: () => undefined, visibilityState: 'visible' }
  vi.stubGlobal('window', Object.assign(target, { setTimeout, clearTimeout, setInterval, clearInterval, localStorage: storage, sessionStorage: storage }))
  vi.stubGlobal('document', target)
  vi.stubGlobal('fetch', server.fetch)
  for (const key of ['kefu.visitor', 'kefu.unsent.c1', 'kefu.unsent.c2']) keep(key, null, 'sessionStorage')
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function opened() {
  const chat = scope.run(useChat)!
  await chat.start()
  await vi.waitFor(() => expect(chat.connection.value).toBe('open'))
  return chat
}

describe('a customer who is linked to another conversation', () => {
  it('reads all of it and goes on there', async () => {
    const chat = await opened()
    expect(texts(chat)).toEqual([['第 1 条', 'sent']])
    server.here = 'c2'
    server.tell('moved')
    await vi.waitFor(() => expect(texts(chat)).toEqual([['会员您好', 'sent']]))
    chat.send('接着说')
    await vi.waitFor(() => expect(texts(chat)).toEqual([['会员您好', 'sent'], ['接着说', 'sent']]))
  })

  it('takes along what could not be sent yet, once', async () => {
    const chat = await opened()
    server.down = true
    chat.send('没发出去')
    await vi.advanceTimersByTimeAsync(4000)
    expect(texts(chat)).toContainEqual(['没发出去', 'failed'])
    server.down = false
    server.here = 'c2'
    server.tell('moved')
    await vi.waitFor(() => expect(texts(chat)).toEqual([['会员您好', 'sent'], ['没发出去', 'sent']]))
    server.tell('moved')
    await vi.waitFor(() => expect(server.followed).toBe(3))
    expect(server.posted).toEqual(['没发出去'])
  })

  it('leaves it behind when another person logs in', async () => {
    const chat = await opened()
    server.down = true
    chat.send('只给自己看')
    await vi.advanceTimersByTimeAsync(4000)
    expect(texts(chat)).toContainEqual(['只给自己看', 'failed'])
    server.down = false
    server.here = 'c2'
    await chat.change('member')
    await vi.waitFor(() => expect(chat.connection.value).toBe('open'))
    expect(texts(chat)).toEqual([['会员您好', 'sent']])
    expect(server.posted).toEqual([])
  })
})
