/**
 * Opening handshakes of virtual WebSockets, both sides of them, as `ws` does them over HTTP.
 */
import type { Connection } from "./networkConnection.ts"
import { Events } from "./networkEvents.ts"
import type { Headers, Request, Response } from "./networkFrame.ts"
import type { Host } from "./networkHost.ts"
import { defaults, type EndOptions } from "./networkWebOptions.ts"
import { VirtualWebSocket } from "./networkWebSocket.ts"
import type { World } from "./networkWorld.ts"

/** What may be said when dialling. */
export interface DialOptions extends Partial<Omit<EndOptions, "client">> {
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Milliseconds until a server that does not answer is given up. Default: never. */
  readonly handshakeTimeout?: number | undefined
}

/** A client that wants a WebSocket. */
export interface Upgrade extends Request {
  /** The host it comes from. */
  readonly remote: string
  readonly connection: Connection
  /** The end here; it can be heard to close before there was an answer. */
  readonly socket: VirtualWebSocket
  /** The open WebSocket; it reads from now on. */
  readonly accept: (answer?: {
    readonly protocol?: string | undefined
    readonly headers?: Headers | undefined
  }) => VirtualWebSocket
  readonly reject: (status: number, headers?: Headers, body?: string | Uint8Array) => void
}

/** Dials a URL from a host. */
export const dial = (
  world: World,
  host: Host,
  url: string,
  protocols: ReadonlyArray<string>,
  { handshakeTimeout, headers = {}, ...options }: DialOptions,
): VirtualWebSocket => {
  const { host: authority, hostname, pathname, port, protocol, search } = new URL(url)
  const number = port === "" ? (protocol === "wss:" || protocol === "https:" ? 443 : 80) : Number(port)
  const end = world.dial(
    host,
    hostname,
    number,
    "webSocket",
    ({ down, up }) => new VirtualWebSocket(host, up, down, url, { ...defaults, ...options, client: true }),
  )
  const request: Request = {
    _tag: "Request",
    url: `${pathname}${search}`,
    headers: {
      host: authority,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      ...(protocols.length === 0 ? {} : { "sec-websocket-protocol": protocols.join(",") }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    protocols,
  }
  end.once("connected", () => end.greet(request))
  end.once("head", (response: Response) => answered(end, protocols, response))
  if (handshakeTimeout !== undefined) {
    const stop = host.loop.after(handshakeTimeout, () => {
      if (end.readyState === end.CONNECTING) end.fail(new Error("Opening handshake has timed out"))
    })
    end.once("close", stop)
    end.once("open", stop)
  }
  return end
}

const answered = (end: VirtualWebSocket, protocols: ReadonlyArray<string>, response: Response) => {
  if (end.readyState !== end.CONNECTING) return
  const { headers, protocol, status } = response
  if (status !== 101) {
    if (end.listenerCount("unexpected-response") === 0) {
      return end.fail(new Error(`Unexpected server response: ${status}`))
    }
    return void end.emit("unexpected-response", { destroy: () => end.terminate() }, new Answer(end, response))
  }
  if (protocol !== "" && !protocols.includes(protocol)) {
    return end.fail(new Error("Server sent an invalid subprotocol"))
  }
  if (protocol === "" && protocols.length > 0) return end.fail(new Error("Server sent no subprotocol"))
  end.emit("upgrade", { statusCode: status, headers })
  end.open(protocol)
  end.emit("open")
}

/** As much of Node's `IncomingMessage` as it takes to read a refusal. */
class Answer extends Events {
  readonly statusCode: number
  readonly headers: Headers

  constructor({ machine }: VirtualWebSocket, { body, headers, status }: Response) {
    super()
    this.statusCode = status
    this.headers = headers
    machine.loop.after(0, () => {
      if (body.byteLength > 0) this.emit("data", Buffer.from(body))
      this.emit("end")
      this.emit("close")
    })
  }
  resume(): this {
    return this
  }
  destroy(): void {}
}

/** The end of a connection that was accepted; `upgrade` hears of it once its request is there. */
export const accept = (
  world: World,
  host: Host,
  connection: Connection,
  upgrade: (upgrade: Upgrade) => void,
  options: Partial<Omit<EndOptions, "client">> = {},
): VirtualWebSocket => {
  const { down, from, up } = connection
  const end = new VirtualWebSocket(host, down, up, "", { ...defaults, ...options, client: false })
  const answer = (head: Omit<Response, "_tag">) => end.greet({ _tag: "Response", ...head })
  const reject: Upgrade["reject"] = (status, headers = {}, body = "") => {
    if (end.readyState !== end.CONNECTING || end.isRefused) return
    answer({ status, headers, protocol: "", body: typeof body === "string" ? Buffer.from(body) : body })
    end.refuse()
  }
  end.once("head", (request: Request) => {
    const status = world.answers(connection)
    if (status !== undefined) return reject(status)
    upgrade({
      ...request,
      remote: from,
      connection,
      socket: end,
      reject,
      accept: ({ headers = {}, protocol = request.protocols[0] ?? "" } = {}) => {
        if (end.isRefused) return end
        answer({ status: 101, headers, protocol, body: new Uint8Array() })
        end.open(protocol)
        return end
      },
    })
  })
  return end
}
