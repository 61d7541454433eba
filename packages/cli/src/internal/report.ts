/**
 * What the admin listener of a running program says about it, asked over HTTP, and the same for people.
 */
import * as TelemetrySchema from "@holdfast/core/TelemetrySchema"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { oneLine, RunError } from "./failure.ts"
import * as Tables from "./tables.ts"

const { _tag: _link, ...link } = TelemetrySchema.LinkRow.fields
const { _tag: _session, ...session } = TelemetrySchema.SessionRow.fields
const { _tag: _check, ...check } = TelemetrySchema.CheckRow.fields

const Links = Schema.Array(Schema.Struct(link))
const Sessions = Schema.Array(Schema.Struct(session))
const Check = Schema.Struct(check)

/** How a program is. */
export interface Report {
  readonly admin: string
  readonly ready: boolean
  readonly checks: ReadonlyArray<typeof Check.Type>
  readonly links: typeof Links.Type
  readonly sessions: typeof Sessions.Type
}

// Loaded when somebody asks: it is heavy, and programs that serve do not need it. `fetch` would refuse ports that browsers avoid.
const http = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("@effect/platform-node/NodeHttpClient")),
    (client) => client.layerNodeHttp,
  ),
)

const readyz = "/readyz?verbose"

/** Asks it. */
export const ask = Effect.fnUntraced(function* (
  admin: string,
  token: Redacted.Redacted<string> | undefined,
): Effect.fn.Return<Report, RunError, HttpClient.HttpClient> {
  const [status, verbose] = yield* get(admin, readyz, token, [200, 503])
  if (!isHealth(verbose)) return yield* noAdmin(admin, `${readyz} answered ${status}, but not as one does`)
  const [, links] = yield* get(admin, "/api/links", token, [200])
  const [, sessions] = yield* get(admin, "/api/sessions", token, [200])
  return {
    admin,
    ready: status === 200,
    checks: checksIn(verbose),
    links: yield* decode(admin, "/api/links", Links, links),
    sessions: yield* decode(admin, "/api/sessions", Sessions, sessions),
  }
}, Effect.provide(http))

/** For people. */
export const format = (report: Report): string => {
  const { admin, checks, links, ready, sessions } = report
  return [
    `${admin} is ${ready ? "ready" : "not ready"}\n`,
    table(
      ["check", "state", "why"],
      checks.map(({ name, ok, why }) => [name, ok ? "ok" : "failed", why]),
    ),
    table(
      ["link", "program", "state", "refs", "attempts", "last error"],
      links.map((row) => [row.target, row.program, row.state, row.refs, row.attempts, row.lastError ?? "-"]),
    ),
    table(
      ["session", "state", "client", "upstream", "buffered", "bytes", "resumes"],
      sessions.map((row) => [
        row.id,
        row.state,
        row.clientConnected ? "connected" : "away",
        row.upstreamState,
        row.bufferedMessages,
        row.bufferedBytes,
        row.resumes,
      ]),
    ),
  ].join("\n")
}

const get = Effect.fnUntraced(function* (
  admin: string,
  path: string,
  token: Redacted.Redacted<string> | undefined,
  fine: ReadonlyArray<number>,
) {
  const client = yield* HttpClient.HttpClient
  const request = HttpClientRequest.get(`${admin}${path}`)
  const asked = client.execute(token === undefined ? request : HttpClientRequest.bearerToken(request, token)).pipe(
    Effect.flatMap((response) => Effect.map(response.text, (text) => [response.status, text] as const)),
    Effect.mapError((error) => failed(admin, whyNot(error))),
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.fail(failed(admin, "no answer in 5 s")) }),
  )
  const answer = yield* asked
  const [status] = answer
  if (fine.includes(status)) return answer
  const answered = `${path} answered ${status}`
  if (status === 401) return yield* failed(admin, `${answered}; give its token with --token-file`)
  if (status === 403 || status >= 500) return yield* failed(admin, answered)
  return yield* noAdmin(admin, `${answered}${status === 426 ? ", as a WebSocket port does" : ""}`)
})

const failed = (admin: string, why: string) => new RunError({ message: `${admin}: ${why}` })

const noAdmin = (admin: string, answered: string) =>
  failed(
    admin,
    `this is no admin listener, ${answered}; the one of holdfast proxy is on ${Tables.status.admin.default} unless it prints another`,
  )

// What `fetch` throws says nothing; the reason is at the bottom of its causes.
const whyNot = (error: unknown): string => {
  const { cause, code, errors, message } = error as {
    // read only to look for these four; all may be missing
    readonly cause?: unknown
    readonly code?: unknown
    readonly errors?: ReadonlyArray<unknown>
    readonly message?: unknown
  }
  const deeper = cause ?? errors?.[0]
  if (typeof deeper === "object" && deeper !== null) return whyNot(deeper)
  if (code === "ECONNREFUSED") return "nobody listens there"
  return typeof message === "string" && message !== "" ? message : String(code)
}

const decode = <A>(admin: string, path: string, schema: Schema.Codec<A, unknown>, text: string) =>
  Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text).pipe(
    Effect.mapError(() => failed(admin, `${path} answered something else than this version of holdfast does`)),
  )

const isHealth = (verbose: string): boolean => /^readyz check (?:passed|failed)$/m.test(verbose)

// The lines of `/readyz?verbose`: `[+]proxy ok`, `[-]program failed: shutting down`, and a summary.
const checksIn = (verbose: string): Report["checks"] =>
  verbose.split("\n").flatMap((line) => {
    const match = /^\[([+-])\](.*?) (?:ok|failed: (.*))$/.exec(line)
    return match === null ? [] : [{ name: match[2]!, ok: match[1] === "+", why: match[3] ?? "" }]
  })

const shown = 50

// Aligned columns; text that came from elsewhere cannot move the cursor.
const table = (head: ReadonlyArray<string>, all: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const rows = [head, ...all.slice(0, shown).map((row) => row.map((cell) => oneLine(String(cell))))]
  const widths = head.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd(),
  )
  if (all.length === 0) lines.push("(none)")
  if (all.length > shown) lines.push(`and ${all.length - shown} more; --json prints all`)
  return `${lines.join("\n")}\n`
}
