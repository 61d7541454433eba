/**
 * The real `SocketTransport` over a virtual socket, told what `internal/ws.ts` tells it.
 */
import * as Entropy from "@holdfast/core/Entropy"
import type { VirtualNetwork } from "@holdfast/testing"
import { Context } from "effect"
import * as SocketTransport from "../../src/internal/socketTransport.ts"
import type { Headers, Transport } from "../../src/Transport.ts"
import type { EventLoop } from "./eventLoop.ts"

/** The socket must be paused. */
export const transportOf = (
  socket: VirtualNetwork.VirtualWebSocket,
  told: { readonly protocol: string; readonly headers: Headers },
  loop: EventLoop,
): Transport => {
  const random = Context.get(loop.context, Entropy.Entropy).bytes(4)
  return SocketTransport.make(socket, {
    ...told,
    cork: () => socket.cork(),
    unsentBytes: () => socket.unsentBytes,
    heardBytes: () => socket.heard,
    onRead: (callback) => void socket.on("read", () => callback(socket.unfinished)),
    now: loop.now,
    nonce: new DataView(random.buffer, random.byteOffset).getUint32(0),
    flush: (done) => socket.flush(done),
  })
}
