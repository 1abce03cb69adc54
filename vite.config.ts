/// <reference types="node" />
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { loadEnv, type Plugin, type UserConfig } from 'vite'
import { defineConfig } from 'vitest/config'

const home = import.meta.dirname
const sources: Record<'chat' | 'desk', string> = {
  chat: 'connectors/web/pages/chat/index.html',
  desk: 'handoff/pages/desk/index.html',
}
const widget = 'connectors/web/pages/widget/main.ts'

/** Builds `chat/index.html` and `desk/index.html` from where the rooms keep them, and serves both in development. */
function rooms(target: string): Plugin {
  return {
    name: 'kefu-rooms',
    enforce: 'post',
    async buildStart() {
      // Only what we write is removed: the folder comes from a setting and may hold other things.
      if (this.environment.mode !== 'build') return
      for (const name of ['assets', 'chat', 'desk']) await rm(resolve(target, name), { recursive: true, force: true })
    },
    generateBundle(_options, bundle) {
      for (const [page, source] of Object.entries(sources)) {
        const html = bundle[source]
        if (html?.type !== 'asset') this.error(`no page was built from ${source}`)
        delete bundle[source]
        this.emitFile({ type: 'asset', fileName: `${page}/index.html`, source: html.source })
      }
    },
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const [path = '', query] = (request.url ?? '').split('?')
        const page = { '/': sources.chat, '/desk': sources.desk }[path]
        if (page) request.url = `/${page}${query ? `?${query}` : ''}`
        next()
      })
    },
  }
}

export default defineConfig(({ mode }) => {
  const env = loadEnv(mode, home, 'KEFU_')
  const target = resolve(home, env.KEFU_PAGES_DIR ?? 'var/pages')
  const shared: UserConfig = {
    root: home,
    publicDir: false,
    envPrefix: 'KEFU_PAGES_PUBLIC_', // nothing of the environment reaches the pages
    build: { outDir: target, emptyOutDir: false, target: ['chrome87', 'safari14', 'firefox78'] },
  }
  if (mode === 'widget') {
    const lib = { entry: widget, name: 'KefuWidget', formats: ['iife' as const], fileName: () => 'widget.js' }
    return { ...shared, build: { ...shared.build, lib } }
  }
  return {
    ...shared,
    plugins: [vue(), rooms(target)],
    build: {
      ...shared.build,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: sources, output: { chunkFileNames: 'assets/shared-[hash].js' } },
    },
    server: {
      port: 8230,
      proxy: { '/api': env.KEFU_PAGES_API ?? 'http://127.0.0.1:8000' },
      watch: { ignored: ['**/.venv*/**', '**/var/**'] },
    },
    test: { include: ['tests/pages/**/*.test.ts'], environment: 'node' },
  }
})
