/** Words for codes that the API gives without one. */

import type { Priority, Resolution, TicketStatus } from './types'

export const resolutions: { value: Resolution; label: string; hint: string }[] = [
  { value: 'solved', label: '已解决', hint: '问题处理完了，会话交还机器人' },
  { value: 'follow_up', label: '需要跟进', hint: '还有后续，建议同时建一张工单' },
  { value: 'unreachable', label: '联系不上', hint: '顾客长时间没有回复' },
]
export const priorities: { value: Priority; label: string }[] = [
  { value: 'low', label: '低' },
  { value: 'normal', label: '普通' },
  { value: 'high', label: '高' },
  { value: 'urgent', label: '紧急' },
]
export const ticketStatuses: { value: TicketStatus; label: string; tone: string }[] = [
  { value: 'open', label: '待处理', tone: 'warn' },
  { value: 'pending', label: '处理中', tone: 'accent' },
  { value: 'solved', label: '已完成', tone: 'good' },
]
