/**
 * The other end: keeps sessions, confirms what it gets, repeats what it is not sure of, and believes what clients say. Nobody plants
 * bugs here.
 */
import { History, type VirtualNetwork } from "@holdfast/testing"
import { Clock, Effect, Schema } from "effect"

/** What a client says. */
export const FromClient = Schema.fromJsonString(
  Schema.Union([
    Schema.TaggedStruct("hello", { session: Schema.String, got: Schema.Int }),
    Schema.TaggedStruct("message", { seq: Schema.Int, id: Schema.String }),
    Schema.TaggedStruct("got", { seq: Schema.Int }),
  ]),
)

/** What the server says. */
export const FromServer = Schema.fromJsonString(
  Schema.Union([
    Schema.TaggedStruct("welcome", { got: Schema.Int }),
    Schema.TaggedStruct("message", { seq: Schema.Int, id: Schema.String }),
    Schema.TaggedStruct("got", { seq: Schema.Int }),
  ]),
)

interface Session {
  readonly id: string
  socket: VirtualNetwork.VirtualWebSocket | undefined
  got: number
  sent: number
  waiting: ReadonlyArray<{ readonly seq: number; readonly id: string }>
}

const read = Schema.decodeUnknownSync(FromClient)
const write = Schema.encodeSync(FromServer)

/** Listens on port 80 until the scope closes. `push` reaches every client, sooner or later; `goodbye` ends them all. */
export const serve = Effect.fnUntraced(function* (host: VirtualNetwork.Host) {
  const sessions: Array<Session> = []
  const heard = new Map<VirtualNetwork.VirtualWebSocket, number>()
  const { seen } = yield* host.run(History.writer)
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()

  const accept = (socket: VirtualNetwork.VirtualWebSocket) => {
    let session: Session | undefined
    heard.set(socket, now())
    socket.on("ping", () => heard.set(socket, now()))
    const say = (message: typeof FromServer.Type) => socket.send(write(message))
    socket.on("error", () => {})
    socket.on("close", () => {
      heard.delete(socket)
      if (session?.socket === socket) session.socket = undefined
    })
    socket.on("message", (data) => {
      const said = read(String(data))
      heard.set(socket, now())
      if (said._tag === "hello") {
        session = sessions.find(({ id }) => id === said.session)
        if (session === undefined) {
          session = { id: said.session, socket: undefined, got: 0, sent: 0, waiting: [] }
          sessions.push(session)
        }
        // What is still on its way on the old connection would come after what the client sends again on this one.
        session.socket?.terminate()
        session.socket = socket
        say({ _tag: "welcome", got: session.got })
        session.waiting = session.waiting.filter(({ seq }) => seq > said.got)
        for (const { id, seq } of session.waiting) say({ _tag: "message", seq, id })
      }
      if (session?.socket !== socket) return
      if (said._tag === "got") session.waiting = session.waiting.filter(({ seq }) => seq > said.seq)
      if (said._tag === "message") {
        session.got = said.seq
        seen("received", said.id)
        say({ _tag: "got", seq: said.seq })
      }
    })
  }

  // Who vanished without a word would stay for ever.
  const sweep = Effect.sync(() => {
    for (const [socket, at] of heard) if (now() - at > 5000) socket.terminate()
  })

  yield* Effect.forkScoped(Effect.forever(Effect.delay(sweep, "1 second")))
  yield* host.onWebSocket(80, accept)
  return {
    push: (id: string) =>
      Effect.sync(() => {
        if (sessions.length > 0) seen("push", id)
        for (const session of sessions) {
          const message = { seq: ++session.sent, id }
          session.waiting = [...session.waiting, message]
          session.socket?.send(write({ _tag: "message", ...message }))
        }
      }),
    goodbye: (code: number, reason: string) =>
      Effect.sync(() => {
        seen("goodbye", "client", { code, reason })
        for (const { socket } of sessions) socket?.close(code, reason)
      }),
  }
})
