/** Browser storage that works, for the life of the page, also where storage is forbidden (private mode, iframes). */

const memory = new Map<string, string>()

export type Kind = 'localStorage' | 'sessionStorage'

/** Whether what is kept here outlives the page. Browsers that block third-party storage deny it in iframes. */
export function lasting(): boolean {
  try {
    return window.localStorage !== null
  } catch (error) {
    if (error instanceof DOMException) return false
    throw error
  }
}

export function recall(key: string, kind: Kind = 'localStorage'): string | null {
  try {
    return window[kind].getItem(key) ?? memory.get(key) ?? null
  } catch (error) {
    if (error instanceof DOMException) return memory.get(key) ?? null
    throw error
  }
}

export function keep(key: string, value: string | null, kind: Kind = 'localStorage'): void {
  if (value === null) memory.delete(key)
  else memory.set(key, value)
  try {
    if (value === null) window[kind].removeItem(key)
    else window[kind].setItem(key, value)
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
  }
}
