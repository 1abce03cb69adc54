/** Short messages that go away by themselves. */

import { ref } from 'vue'

export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'good' | 'bad'
}

export const toasts = ref<Toast[]>([])
let last = 0

export function toast(text: string, tone: Toast['tone'] = 'plain'): void {
  const id = ++last
  toasts.value = [...toasts.value, { id, text, tone }]
  window.setTimeout(() => (toasts.value = toasts.value.filter((one) => one.id !== id)), tone === 'bad' ? 6000 : 3500)
}
