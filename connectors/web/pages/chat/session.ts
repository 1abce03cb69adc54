/** Who is chatting: a visitor token that the browser keeps, renewed when the server no longer knows it. */

import { ApiError, type Call, request } from '../../../../core/pages/api'
import { keep, recall } from '../../../../core/pages/store'

export interface Owner {
  kind: 'bot' | 'queue' | 'agent'
  name?: string | null
  position?: number | null
}

export interface SessionInfo {
  token: string
  conversation_id: string
  member: { name: string; level: string } | null
  brand: { name: string; greeting: string; assistant?: string }
  owner: Owner
  /** A visitor may prove a phone number. */
  phone_codes: boolean
}

const KEY = 'kefu.visitor'

export class Session {
  private token = recall(KEY)
  private opening: Promise<SessionInfo> | null = null

  /** `onOpened` runs after every (re)opening: the conversation may have become another one. */
  constructor(private readonly onOpened: (info: SessionInfo) => void) {}

  /** Opens or renews; callers at the same time share one request, but a log-in is always one of its own. */
  async open(memberToken?: string): Promise<SessionInfo> {
    if (memberToken !== undefined) await this.opening?.catch(() => undefined)
    this.opening ??= this.post(memberToken).finally(() => (this.opening = null))
    return await this.opening
  }

  /** A token kept elsewhere, for a browser that keeps none here. */
  adopt(token: string): void {
    this.token ??= token
  }

  forget(): void {
    this.token = null
    keep(KEY, null)
  }

  headers = (): Record<string, string> => ({ Authorization: `Bearer ${this.token ?? ''}` })

  /** A request in the visitor's name. A token the server refuses is renewed once. */
  async call<T>(path: string, call: Call = {}): Promise<T> {
    if (!this.token || this.opening) await this.open()
    try {
      return await request<T>(path, { ...call, headers: this.headers() })
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      await this.open()
      return await request<T>(path, { ...call, headers: this.headers() })
    }
  }

  private async post(memberToken?: string): Promise<SessionInfo> {
    const body = { token: this.token ?? undefined, member_token: memberToken }
    let info: SessionInfo
    try {
      info = await request<SessionInfo>('/api/web/session', { method: 'POST', body })
    } catch (error) {
      const stale = error instanceof ApiError && !error.passing && this.token
      if (!stale) throw error
      this.forget()
      info = await request<SessionInfo>('/api/web/session', { method: 'POST', body: { member_token: memberToken } })
    }
    this.token = info.token
    keep(KEY, info.token)
    this.onOpened(info)
    return info
  }
}
