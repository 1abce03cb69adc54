/** Numbers of the decision as an agent reads them. */

import type { Evidence } from './types'

const PROBABILITIES = new Set(['explicit_wish'])

export function valueText(one: Evidence): string {
  if (Array.isArray(one.value)) return one.value.length ? one.value.join('、') : '无'
  return numberText(one.signal, one.value)
}

export const thresholdText = (one: Evidence): string =>
  `${one.threshold < 0 ? '≤' : '≥'} ${Array.isArray(one.value) ? `${one.threshold} 个` : numberText(one.signal, one.threshold)}`

function numberText(signal: string, value: number): string {
  if (PROBABILITIES.has(signal)) return `${Math.round(value * 100)}%`
  return Number.isInteger(value) ? String(value) : value.toFixed(2).replace('-', '−')
}

/** The signals that made the difference, in one line. */
export const inShort = (evidence: readonly Evidence[]): string =>
  evidence
    .filter((one) => one.fired)
    .map((one) => `${one.label} ${valueText(one)}（阈值 ${thresholdText(one)}）`)
    .join('，')

/** What would have been without it. */
export const otherwise = (one: Evidence): string => (one.without_label ? `否则因“${one.without_label}”` : '否则不转人工')

/** Fired first, and among those the decisive ones; the order of precedence otherwise. */
export const ranked = (evidence: readonly Evidence[]): Evidence[] =>
  [...evidence].sort((a, b) => Number(b.fired) - Number(a.fired) || Number(b.decisive) - Number(a.decisive))
