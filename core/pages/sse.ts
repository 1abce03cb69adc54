/** Server-sent events over fetch: unlike EventSource it sends an Authorization header and sees a 401. */

import { ApiError, refusal } from './api'

export interface StreamEvent {
  id: string
  event: string
  data: string
}

/** Incremental parser of `text/event-stream`; chunks may end anywhere, also inside CRLF. */
export class EventParser {
  private rest = ''
  private id = ''
  private event = ''
  private data: string[] = []

  feed(chunk: string): StreamEvent[] {
    this.rest += chunk
    const found: StreamEvent[] = []
    for (;;) {
      const end = this.rest.search(/[\r\n]/)
      // A CR at the very end may be the first half of CRLF: wait for the next chunk.
      if (end < 0 || (this.rest[end] === '\r' && end === this.rest.length - 1)) return found
      const line = this.rest.slice(0, end)
      this.rest = this.rest.slice(end + (this.rest.startsWith('\r\n', end) ? 2 : 1))
      const event = this.line(line)
      if (event) found.push(event)
    }
  }

  private line(line: string): StreamEvent | null {
    if (line === '') return this.dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.data.push(value)
    else if (field === 'event') this.event = value
    else if (field === 'id' && !value.includes('\0')) this.id = value
    return null // comments (empty field) and unknown fields are ignored
  }

  private dispatch(): StreamEvent | null {
    const event = { id: this.id, event: this.event || 'message', data: this.data.join('\n') }
    const empty = this.data.length === 0
    this.event = ''
    this.data = []
    return empty ? null : event
  }
}

export type StreamState = 'connecting' | 'open' | 'lost'

export interface StreamOptions {
  /** Address for (re)connecting after the event with this id. */
  url: (lastId: string) => string
  headers?: () => Record<string, string>
  onEvent: (event: StreamEvent) => void
  onState?: (state: StreamState) => void
  /** The server refused for good (401, 403, 404): the stream has stopped. */
  onRefused?: (error: ApiError) => void
  /** No byte for so long means a dead connection; the server sends comments more often. Milliseconds. */
  silence?: number
  fetch?: typeof fetch
  /** Waiting time before attempt n (from 1). */
  backoff?: (attempt: number) => number
}

export const backoff = (attempt: number): number => Math.min(15_000, 500 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2)

/** Stays connected until `stop`. After a loss it resumes behind the last id it has seen. */
export class EventStream {
  lastId: string
  private attempt = 0
  private running = false
  private cut: AbortController | null = null
  private wakeUp: (() => void) | null = null

  constructor(
    private readonly options: StreamOptions,
    lastId = '',
  ) {
    this.lastId = lastId
  }

  start(): void {
    if (this.running) return
    this.running = true
    void this.run()
  }

  stop(): void {
    this.running = false
    this.cut?.abort()
    this.wakeUp?.()
  }

  /** Do not wait any longer for the next attempt (the network is back, the page is visible again). */
  wake(): void {
    this.wakeUp?.()
  }

  private async run(): Promise<void> {
    while (this.running) {
      this.options.onState?.('connecting')
      try {
        await this.read()
      } catch (error) {
        if (error instanceof ApiError && !error.passing) {
          if (!this.running) return
          this.running = false
          this.options.onState?.('lost')
          this.options.onRefused?.(error)
          return
        }
      }
      if (!this.running) return
      this.attempt += 1
      this.options.onState?.('lost')
      await this.pause((this.options.backoff ?? backoff)(this.attempt))
    }
  }

  /** One connection, until it ends or breaks. */
  private async read(): Promise<void> {
    const cut = (this.cut = new AbortController())
    const silence = this.options.silence ?? 45_000
    let watch = setTimeout(() => cut.abort(), silence)
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream', ...this.options.headers?.() }
      if (this.lastId) headers['Last-Event-ID'] = this.lastId
      const response = await (this.options.fetch ?? fetch)(this.options.url(this.lastId), {
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: cut.signal,
      })
      if (!response.ok || !response.body) throw await refusal(response)
      this.options.onState?.('open')
      this.attempt = 0
      const parser = new EventParser()
      const decoder = new TextDecoder()
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done || !this.running) return
        clearTimeout(watch)
        watch = setTimeout(() => cut.abort(), silence)
        for (const event of parser.feed(decoder.decode(value, { stream: true }))) {
          this.options.onEvent(event)
          if (event.id) this.lastId = event.id
        }
      }
    } finally {
      clearTimeout(watch)
      cut.abort()
    }
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.wakeUp = () => {
        clearTimeout(timer)
        this.wakeUp = null
        resolve()
      }
    })
  }
}
