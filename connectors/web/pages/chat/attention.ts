/** Which messages the customer has seen. Unseen ones are counted in the title and told to the host page. */

import { computed, onScopeDispose, ref, type Ref, watch } from 'vue'
import type { Entry } from '../../../../core/pages/message'
import { keep, recall } from '../../../../core/pages/store'
import { newestSeq, unreadSince } from '../../../../core/pages/thread'

export function useAttention(
  entries: Ref<Entry[]>,
  conversation: Ref<string | undefined>,
  /** The panel is open (always true for the page on its own). */
  open: Ref<boolean>,
  atBottom: Ref<boolean>,
) {
  const shown = ref(document.visibilityState === 'visible')
  /** Null until it is known: where storage is lost with the page, what is there at first counts as seen. */
  const seen = ref<number | null>(null)
  const attentive = computed(() => shown.value && open.value && atBottom.value)
  const unread = computed(() => (seen.value === null ? 0 : unreadSince(entries.value, seen.value)))

  const look = (): void => void (shown.value = document.visibilityState === 'visible')
  document.addEventListener('visibilitychange', look)
  onScopeDispose(() => document.removeEventListener('visibilitychange', look))

  watch(
    conversation,
    (id) => {
      const kept = id ? recall(`kefu.seen.${id}`) : null
      seen.value = kept === null ? null : Number(kept)
    },
    { immediate: true },
  )
  watch(
    [attentive, entries],
    () => {
      const newest = newestSeq(entries.value)
      const known = seen.value !== null
      if (!conversation.value || newest === 0 || (known && (!attentive.value || newest <= seen.value!))) return
      seen.value = newest
      keep(`kefu.seen.${conversation.value}`, String(newest))
    },
    { immediate: true },
  )
  return { unread }
}
