/**
 * What only platform files may touch, and which files those are. The one list: `realWorld.ts` enforces it and `oxlint.config.ts`
 * reads it, so this file imports nothing.
 */

/** Time, chance and the network, by the names a program reaches them with. */
export const restricted = {
  globals: [
    "Date",
    "EventSource",
    "WebSocket",
    "XMLHttpRequest",
    "fetch",
    "performance",
    "queueMicrotask",
    "setImmediate",
    "setInterval",
    "setTimeout",
  ],
  members: {
    AbortSignal: ["timeout"],
    Math: ["random"],
    crypto: [
      "getRandomValues",
      "pseudoRandomBytes",
      "randomBytes",
      "randomFill",
      "randomFillSync",
      "randomInt",
      "randomUUID",
      "webcrypto",
    ],
    process: ["getBuiltinModule", "hrtime", "nextTick"],
  },
  modules: [
    "node:dgram",
    "node:dns",
    "node:dns/promises",
    "node:http",
    "node:http2",
    "node:https",
    "node:net",
    "node:perf_hooks",
    "node:timers",
    "node:timers/promises",
    "node:tls",
    "ws",
  ],
} as const

/** The platform files and exactly what each one touches. An entry nobody needs any more is a violation too. */
export const platformFiles: Readonly<Record<string, ReadonlyArray<string>>> = {
  "packages/cli/src/internal/adminServer.ts": ["node:http", "node:https"],
  "packages/core/src/Entropy.ts": ["crypto.getRandomValues"],
  "packages/testing/src/internal/files.ts": ["process.getBuiltinModule"],
  "packages/testing/src/internal/realWorld.ts": ["process.getBuiltinModule"],
  "packages/testing/src/internal/tcp.ts": ["node:net"],
  "packages/websocket/src/internal/browser.ts": ["WebSocket", "setTimeout"],
  "packages/websocket/src/internal/door.ts": ["node:http"],
  "packages/websocket/src/internal/forward.ts": ["node:http", "node:https"],
  "packages/websocket/src/internal/frameSocket.ts": ["process.nextTick", "setTimeout"],
  "packages/websocket/src/internal/httpServer.ts": ["node:http", "node:https"],
  "packages/websocket/src/internal/wire.ts": ["node:http", "node:net", "node:tls"],
}
