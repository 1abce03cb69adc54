/** Requests to our own API. Every failure is one `ApiError` with a sentence that may be shown. */

export class ApiError extends Error {
  /** `status` 0: no answer came at all. */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH'
  body?: unknown // sent as JSON; a Blob as it is
  headers?: Record<string, string>
  timeout?: number // milliseconds
}

export async function request<T>(path: string, call: Call = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...call.headers }
  const raw = call.body instanceof Blob
  if (call.body !== undefined) headers['Content-Type'] = raw ? 'application/octet-stream' : 'application/json'
  const cut = new AbortController()
  const timer = setTimeout(() => cut.abort(), call.timeout ?? 15_000)
  try {
    const response = await fetch(path, {
      method: call.method ?? 'GET',
      headers,
      body: call.body === undefined ? undefined : raw ? (call.body as Blob) : JSON.stringify(call.body),
      credentials: 'same-origin',
      signal: cut.signal,
    })
    if (!response.ok) throw await refusal(response)
    return (response.status === 204 ? undefined : await response.json()) as T
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw new ApiError(0, 'network', '网络连接不上，请检查网络后重试')
  } finally {
    clearTimeout(timer)
  }
}

/** The server's own words when it sent `{"error": {"code", "message"}}`, else ours for that status. */
export async function refusal(response: Response): Promise<ApiError> {
  const said: unknown = await response.json().catch(() => null)
  const error = (said as { error?: { code?: unknown; message?: unknown } } | null)?.error
  const code = typeof error?.code === 'string' ? error.code : `http_${response.status}`
  const message = typeof error?.message === 'string' && error.message ? error.message : fallback(response.status)
  return new ApiError(response.status, code, message)
}

function fallback(status: number): string {
  if (status === 401) return '登录已失效，请重新登录'
  if (status === 403) return '没有权限进行这个操作'
  if (status === 413) return '文件太大了，发不出去'
  if (status === 404) return '没有找到相关内容'
  if (status === 429) return '操作太频繁，请稍后再试'
  return status >= 500 ? '服务暂时不可用，请稍后再试' : '请求没有成功，请检查后重试'
}

/** What to show for any thrown value. */
export function words(error: unknown): string {
  return error instanceof ApiError ? error.message : '出了点问题，请刷新页面重试'
}
