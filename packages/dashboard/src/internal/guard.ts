/**
 * Who may ask: the Host, token and POST rules of every route of this package, and the shape of every answer.
 * Wrapped around single handlers, never put on the router, so the other routes of the app keep their own rules.
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"

/** Who may ask. */
export interface Options {
  /** Every route but `/livez` and `/readyz` needs it as `Authorization: Bearer <token>` when set. Default: none. */
  readonly token?: Redacted.Redacted<string> | undefined
  /**
   * `Host` headers that are answered beside `localhost` and loopback addresses; others get 403. A name without a port fits
   * every port. Default: none. `"any"` answers every Host: only behind a token or a proxy that checks it.
   */
  readonly hosts?: ReadonlyArray<string> | "any" | undefined
}

/** Makes a handler keep the rules. */
export interface Guard {
  <R>(
    handler: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>,
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest>
}

/** The rules for these options; throws a `RangeError` for an empty token, which everyone would know. */
export const make = ({ hosts = [], token }: Options = {}): Guard => {
  if (token !== undefined && Redacted.value(token) === "") {
    throw new RangeError("the token is empty; give a secret of some length, or leave `token` out")
  }
  const isOurs = hosts === "any" ? () => true : hostRule(hosts)
  const refusal = (request: HttpServerRequest.HttpServerRequest): HttpServerResponse.HttpServerResponse | undefined => {
    const { authorization, "content-type": type, host } = request.headers
    if (!isOurs(host)) return refuse(403, whyHost(host))
    if (token !== undefined && !hasToken(authorization, token)) return unauthorized
    return request.method === "POST" && !isJson(type) ? unsupported : undefined
  }
  return (handler) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const refused = refusal(request)
      if (refused !== undefined) return refused
      // A scrape every few seconds is not news; a button pressed is.
      return yield* request.method === "POST" ? handler : HttpMiddleware.withLoggerDisabled(handler)
    }).pipe(
      Effect.catchDefect((defect) => Effect.as(Effect.logError("A dashboard route failed", defect), broken)),
      Effect.map(HttpServerResponse.setHeaders({ "cache-control": "no-store", "x-content-type-options": "nosniff" })),
    )
}

/** A JSON answer; whatever is `Redacted` in it stays so. */
export const json = (body: unknown, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(Formatter.formatJson(body), { status, contentType: "application/json" })

/** A JSON answer that says what is wrong and what to do. */
export const refuse = (status: number, error: string): HttpServerResponse.HttpServerResponse => json({ error }, status)

const unauthorized = refuse(401, "this needs the token; send `Authorization: Bearer <token>`").pipe(
  HttpServerResponse.setHeader("www-authenticate", "Bearer"),
)
const unsupported = refuse(
  415,
  "a POST needs `Content-Type: application/json`; send that header, the body may be empty",
)
const broken = refuse(500, "this could not be answered; the program's log says why")

const authority = /^(\[[0-9a-f:.]+\]|[^\s:@/[\]]+)(?::\d+)?$/
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

const hostRule = (hosts: ReadonlyArray<string>): ((host: string | undefined) => boolean) => {
  const listed = new Set(hosts.map((host) => host.toLowerCase()))
  return (header) => {
    const host = header?.toLowerCase() ?? ""
    const name = authority.exec(host)?.[1]
    return name !== undefined && (loopback.test(name) || listed.has(name) || listed.has(host))
  }
}

const whyHost = (host: string | undefined): string =>
  `${host === undefined ? "a request without a Host" : `the Host ${JSON.stringify(host)}`} is not answered, because a web page could ` +
  "reach this port by DNS rebinding; ask for localhost or a loopback address, or list the name in `hosts`"

const hasToken = (authorization: string | undefined, token: Redacted.Redacted<string>): boolean => {
  const given = /^bearer +(.*)$/i.exec(authorization ?? "")?.[1]
  return given !== undefined && Entropy.same(Redacted.make(given), token)
}

const isJson = (type: string | undefined): boolean => /^application\/json\s*(?:;|$)/i.test(type ?? "")
