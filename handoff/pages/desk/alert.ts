/** Tells an agent who looks elsewhere that somebody waits: a sound and a blinking title. */

import { ref } from 'vue'
import { keep, recall } from '../../../core/pages/store'

const KEY = 'kefu.desk.muted'
export const muted = ref(recall(KEY) === '1')

let context: AudioContext | null = null
let blinking = 0
const NAME = document.title
let title = NAME

export function mute(on: boolean): void {
  muted.value = on
  keep(KEY, on ? '1' : null)
}

/** Browsers allow sound only after the person did something on the page. */
export function allowSound(): void {
  context ??= new AudioContext()
  if (context.state === 'suspended') void context.resume()
}

export function ring(): void {
  if (muted.value || !context || context.state !== 'running') return
  const start = context.currentTime
  for (const [at, pitch] of [[0, 880], [0.16, 1174.7]] as const) {
    const tone = context.createOscillator()
    const volume = context.createGain()
    tone.frequency.value = pitch
    volume.gain.setValueAtTime(0.0001, start + at)
    volume.gain.exponentialRampToValueAtTime(0.16, start + at + 0.02)
    volume.gain.exponentialRampToValueAtTime(0.0001, start + at + 0.3)
    tone.connect(volume).connect(context.destination)
    tone.start(start + at)
    tone.stop(start + at + 0.32)
  }
}

/** How many wait stands in the title all the time. */
export function count(waiting: number): void {
  title = waiting ? `(${waiting}) ${NAME}` : NAME
  document.title = title
}

/** Blinks until the page is looked at. */
export function blink(text: string): void {
  if (document.visibilityState === 'visible' && document.hasFocus()) return
  window.clearInterval(blinking)
  let on = false
  blinking = window.setInterval(() => {
    on = !on
    document.title = on ? text : title
  }, 900)
}

function calm(): void {
  if (document.visibilityState !== 'visible') return
  window.clearInterval(blinking)
  document.title = title
}
document.addEventListener('visibilitychange', calm)
window.addEventListener('focus', calm)
