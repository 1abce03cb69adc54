/** Times as Chinese readers expect them, in the reader's own time zone. */

const GAP = 5 * 60_000
const DAY = 86_400_000
const WEEKDAYS = ['星期日', '星期一', '星期二', '星期三', '星期四', '星期五', '星期六']
const two = (value: number): string => String(value).padStart(2, '0')
const midnight = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()

export const clock = (iso: string): string => {
  const date = new Date(iso)
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}

/** 14:05, 昨天 14:05, 星期三 14:05, 3月8日 14:05, 2025年3月8日 14:05. */
export function moment(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const days = Math.round((midnight(now) - midnight(date)) / DAY)
  if (days === 0) return clock(iso)
  if (days === 1) return `昨天 ${clock(iso)}`
  if (days > 1 && days < 7) return `${WEEKDAYS[date.getDay()]} ${clock(iso)}`
  const day = `${date.getMonth() + 1}月${date.getDate()}日`
  return `${date.getFullYear() === now.getFullYear() ? '' : `${date.getFullYear()}年`}${day} ${clock(iso)}`
}

export function day(iso: string): string {
  const date = new Date(iso)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** Whether a time is worth showing between two messages. */
export const apart = (before: string | undefined, after: string): boolean =>
  before === undefined || Date.parse(after) - Date.parse(before) > GAP

/** 45秒, 3分20秒, 1小时5分. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole}秒`
  if (whole < 3600) return `${Math.floor(whole / 60)}分${two(whole % 60)}秒`
  if (whole < 86_400) return `${Math.floor(whole / 3600)}小时${Math.floor((whole % 3600) / 60)}分`
  return `${Math.floor(whole / 86_400)}天${Math.floor((whole % 86_400) / 3600)}小时`
}
