/**
 * Platform file: passes one plain HTTP request on to the upstream's origin and its answer back, streaming.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import { pipeline } from "node:stream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Request } from "../Acceptor.ts"
import { TransportError } from "../Transport.ts"
import { unreachable } from "./unreachable.ts"
import * as Wire from "./wire.ts"

/** Completes when the answer has been passed on; fails when there is none, and nothing has been answered then. */
export const forward = (
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  target: Parameters<Request["forward"]>[0],
): Effect.Effect<void, TransportError> =>
  Effect.callback<void, TransportError>((resume) => {
    const url = new URL(target.url)
    const { request: send } = url.protocol === "wss:" || url.protocol === "https:" ? Https : Http
    const answerTimeout = millis(target.answerTimeout)
    const onward = send({
      method: request.method,
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port,
      path: target.url.slice(url.origin.length) || "/",
      agent: false, // a connection kept open may be closed by the upstream just as it is used again
      headers: { ...(target.headers as Http.OutgoingHttpHeaders), ...framing(request) }, // readonly arrays are only read
      timeout: millis(target.connectTimeout),
      ca: target.tls?.ca,
      cert: target.tls?.cert,
      key: target.tls?.key === undefined ? undefined : Redacted.value(target.tls.key),
    })
    const failed = (error: Error) => {
      if (response.writableEnded) return // answered, and only still on its way
      if (response.headersSent) response.destroy()
      resume(Effect.fail(new TransportError({ reason: unreachable(url.origin, error) })))
    }
    onward.on("socket", (socket) => socket.once("connect", () => onward.setTimeout(answerTimeout)))
    // Later, too: an answer that stands still, or is not taken, ends.
    onward.on("timeout", () => onward.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })))
    onward.on("error", failed)
    // Without an error too: an answer of 101 to what was no upgrade ends so.
    onward.on("close", () => failed(new Error("it hung up without an answer")))
    onward.on("response", (answer) => {
      const status = answer.statusCode ?? 0
      if (!Wire.isFinal(status)) {
        failed(new Error(`it answered with status ${status}`))
        return onward.destroy()
      }
      const headers = target.answerHeaders(Wire.headersOf(answer))
      response.writeHead(status, headers as Http.OutgoingHttpHeaders) // as above
      pipeline(answer, response, () => resume(Effect.void))
    })
    pipeline(request, onward, () => {}) // errors of either end arrive above
    return Effect.sync(() => onward.destroy())
  })

const millis = (input: Duration.Input) => Duration.toMillis(Duration.fromInputUnsafe(input))

// Node frames no body of a GET or DELETE by itself: unframed, it would be the upstream's next request. And a client may have
// `Connection` list its `Content-Length`, which takes it off with the headers of the hop.
const framing = ({ headers }: Http.IncomingMessage): Http.OutgoingHttpHeaders => {
  if (headers["content-length"] !== undefined) return { "content-length": headers["content-length"] }
  return headers["transfer-encoding"] === undefined ? {} : { "transfer-encoding": "chunked" }
}
