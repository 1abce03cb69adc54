import { describe, expect, it, vi } from 'vitest'
import type { ApiError } from '../../core/pages/api'
import { EventParser, EventStream, type StreamEvent, type StreamOptions } from '../../core/pages/sse'

const frame = (id: number, text: string): string => `id: ${id}\nevent: message\ndata: ${text}\n\n`

describe('EventParser', () => {
  it('reads events however the chunks are cut', () => {
    const text = ': hello\r\n\r\nid: 7\r\nevent: typing\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata: bare\n\n'
    for (let size = 1; size <= text.length; size++) {
      const parser = new EventParser()
      const found: StreamEvent[] = []
      for (let at = 0; at < text.length; at += size) found.push(...parser.feed(text.slice(at, at + size)))
      expect(found).toEqual([
        { id: '7', event: 'typing', data: '{"a":\n1}' },
        { id: '7', event: 'message', data: 'bare' },
      ])
    }
  })

  it('gives nothing for comments, for events without data, and for an unfinished event', () => {
    const parser = new EventParser()
    expect(parser.feed(': ping\n\nevent: owner\n\nid: 3\ndata: unfinished\n')).toEqual([])
    expect(parser.feed('\n')).toEqual([{ id: '3', event: 'message', data: 'unfinished' }])
  })
})

/** A server that plays one script a connection: chunks, then the end. `null` never answers. */
function played(scripts: (string[] | number | null)[]) {
  const calls: { url: string; headers: Record<string, string> }[] = []
  const fake: typeof fetch = (url, init) => {
    calls.push({ url: String(url), headers: init?.headers as Record<string, string> })
    const script = scripts[calls.length - 1] ?? null
    if (typeof script === 'number') {
      const body = JSON.stringify({ error: { code: 'unauthorized', message: '会话已过期' } })
      return Promise.resolve(new Response(body, { status: script }))
    }
    if (script === null) {
      return new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('cut'))))
    }
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of script) controller.enqueue(new TextEncoder().encode(chunk))
        controller.close()
      },
    })
    return Promise.resolve(new Response(body))
  }
  return { calls, fake }
}

function followed(scripts: (string[] | number | null)[], more: Partial<StreamOptions> = {}) {
  const { calls, fake } = played(scripts)
  const seen: string[] = []
  const states: string[] = []
  const stream = new EventStream(
    {
      url: (lastId) => `/stream?after=${lastId}`,
      headers: () => ({ Authorization: 'Bearer t' }),
      onEvent: (event) => seen.push(event.data),
      onState: (state) => states.push(state),
      fetch: fake,
      backoff: () => 0,
      ...more,
    },
    '4',
  )
  return { stream, calls, seen, states }
}

describe('EventStream', () => {
  it('resumes behind the last id it has seen', async () => {
    const { stream, calls, seen, states } = followed([[frame(5, 'a'), frame(6, 'b')], [frame(7, 'c')], null])
    stream.start()
    await vi.waitFor(() => expect(calls).toHaveLength(3))
    stream.stop()
    expect(calls.map((call) => call.url)).toEqual(['/stream?after=4', '/stream?after=6', '/stream?after=7'])
    expect(calls[1]!.headers).toMatchObject({ Authorization: 'Bearer t', 'Last-Event-ID': '6' })
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(states.slice(0, 4)).toEqual(['connecting', 'open', 'lost', 'connecting'])
  })

  it('does not count an event that broke off as seen', async () => {
    const { stream, calls } = followed([[frame(5, 'a'), 'id: 6\ndata: half'], null])
    stream.start()
    await vi.waitFor(() => expect(calls).toHaveLength(2))
    stream.stop()
    expect(calls[1]!.url).toBe('/stream?after=5')
  })

  it('gives up a connection that is silent for too long', async () => {
    const { stream, calls } = followed([null, null], { silence: 5, backoff: () => 20 })
    stream.start()
    await vi.waitFor(() => expect(calls.length).toBeGreaterThan(1))
    stream.stop()
  })

  it('goes on after a server error, and waits longer each time', async () => {
    const waits: number[] = []
    const { stream, calls } = followed([503, 503, null], { backoff: (attempt) => (waits.push(attempt), 0) })
    stream.start()
    await vi.waitFor(() => expect(calls).toHaveLength(3))
    stream.stop()
    expect(waits).toEqual([1, 2])
  })

  it('stops when it is refused, and says why', async () => {
    const onRefused = vi.fn<(error: ApiError) => void>()
    const { stream, calls } = followed([401], { onRefused })
    stream.start()
    await vi.waitFor(() => expect(onRefused).toHaveBeenCalledOnce())
    expect(onRefused.mock.calls[0]![0]).toMatchObject({ status: 401, message: '会话已过期' })
    expect(calls).toHaveLength(1)
  })

  it('wakes from waiting', async () => {
    const { stream, calls } = followed([[], null], { backoff: () => 60_000 })
    stream.start()
    await vi.waitFor(() => expect(calls).toHaveLength(1))
    await vi.waitFor(() => {
      stream.wake()
      expect(calls).toHaveLength(2)
    })
    stream.stop()
  })
})
