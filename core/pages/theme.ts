/** Light or dark: the reader's choice if there is one, else the system's. */

import { ref } from 'vue'
import { colour, inkOn } from './colour'
import { keep, recall } from './store'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'kefu.theme'
const system = window.matchMedia('(prefers-color-scheme: dark)')
const saved = recall(KEY)
export const theme = ref<Theme>(saved === 'light' || saved === 'dark' ? saved : 'system')

function apply(): void {
  const dark = theme.value === 'dark' || (theme.value === 'system' && system.matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
}

export function chooseTheme(choice: Theme): void {
  theme.value = choice
  keep(KEY, choice === 'system' ? null : choice)
  apply()
}

/** Puts a shop's colour in place of ours; anything but a hex colour is ignored. */
export function paint(value: string | null | undefined): void {
  const hex = colour(value)
  if (!hex) return
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex
  const style = document.documentElement.style
  style.setProperty('--accent', full)
  style.setProperty('--accent-strong', full)
  style.setProperty('--accent-ink', inkOn(full))
  style.setProperty('--accent-soft', `${full}1f`)
  const text = `color-mix(in srgb, ${full} 72%, var(--ink))` // readable on both light and dark
  if (CSS.supports('color', text)) style.setProperty('--accent-text', text)
}

system.addEventListener('change', apply)
apply()
