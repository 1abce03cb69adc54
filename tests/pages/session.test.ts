import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Session, type SessionInfo } from '../../connectors/web/pages/chat/session'
import { keep } from '../../core/pages/store'

const stored = new Map<string, string>()
const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value),
  removeItem: (key: string) => void stored.delete(key),
}
const info = (token: string): SessionInfo => ({
  token,
  conversation_id: `c-${token}`,
  member: null,
  brand: { name: '小店', greeting: '您好' },
  owner: { kind: 'bot' },
  phone_codes: false,
})
const refused = () => Response.json({ error: { code: 'unauthorized', message: '会话已过期' } }, { status: 401 })
const server = vi.fn<(path: string, init: RequestInit) => Promise<Response>>()
const bodies = () => server.mock.calls.filter(([path]) => path === '/api/web/session').map(([, init]) => JSON.parse(String(init.body)))

beforeEach(() => {
  stored.clear()
  server.mockReset()
  vi.stubGlobal('window', { localStorage: storage, sessionStorage: storage })
  vi.stubGlobal('fetch', server)
  keep('kefu.visitor', null)
})
afterEach(() => vi.unstubAllGlobals())

describe('Session', () => {
  it('keeps its token for the next visit', async () => {
    server.mockImplementation(async () => Response.json(info('t1')))
    await new Session(() => undefined).open()
    await new Session(() => undefined).open()
    expect(bodies()).toEqual([{}, { token: 't1' }])
  })

  it('starts anew when its token is no longer known', async () => {
    stored.set('kefu.visitor', 'stale')
    server.mockImplementationOnce(async () => refused()).mockImplementation(async () => Response.json(info('t2')))
    const opened = await new Session(() => undefined).open()
    expect(opened.token).toBe('t2')
    expect(bodies()).toEqual([{ token: 'stale' }, {}])
  })

  it('renews once and repeats the request that was refused', async () => {
    stored.set('kefu.visitor', 't1')
    const used: string[] = []
    server.mockImplementation(async (path, init) => {
      if (path === '/api/web/session') return Response.json(info('t2'))
      used.push(new Headers(init.headers).get('Authorization') ?? '')
      return used.length === 1 ? refused() : Response.json({ ok: true })
    })
    const onOpened = vi.fn()
    expect(await new Session(onOpened).call('/api/web/messages')).toEqual({ ok: true })
    expect(used).toEqual(['Bearer t1', 'Bearer t2'])
    expect(onOpened).toHaveBeenCalledOnce()
  })

  it('opens once for callers at the same time', async () => {
    server.mockImplementation(async (path) => Response.json(path === '/api/web/session' ? info('t1') : {}))
    const session = new Session(() => undefined)
    await Promise.all([session.call('/a'), session.call('/b'), session.open()])
    expect(bodies()).toHaveLength(1)
  })

  it('does not lose a log-in to an opening that is under way', async () => {
    server.mockImplementation(async () => Response.json(info('t1')))
    const session = new Session(() => undefined)
    await Promise.all([session.open(), session.open('member')])
    expect(bodies()).toEqual([{}, { token: 't1', member_token: 'member' }])
  })

  it('keeps its token when the server is only down', async () => {
    stored.set('kefu.visitor', 't1')
    server.mockImplementation(async () => new Response('', { status: 503 }))
    await expect(new Session(() => undefined).open()).rejects.toMatchObject({ status: 503 })
    expect(stored.get('kefu.visitor')).toBe('t1')
  })

  it('works where storage is forbidden', async () => {
    const forbidden = () => {
      throw new DOMException('denied', 'SecurityError')
    }
    vi.stubGlobal('window', { localStorage: { getItem: forbidden, setItem: forbidden, removeItem: forbidden } })
    server.mockImplementation(async () => Response.json(info('t9')))
    const session = new Session(() => undefined)
    session.forget()
    await session.open()
    await session.open()
    expect(bodies()).toEqual([{}, { token: 't9' }])
  })
})
