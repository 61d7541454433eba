import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { connect, type TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebSocketServer } from "ws"
import * as Peers from "./peers.ts"
import * as Program from "./program.ts"
import { call, tool } from "./tool.ts"

const openssl = tool("openssl", "version")

/** A certificate that signs itself, for this machine. */
const certify = (folder: string, name: string) => {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"]
  const made = call("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert])
  assert.strictEqual(made.status, 0, made.stderr)
  return { cert, key }
}

/** The name in the certificate that a listener shows. */
const shownBy = (url: string) =>
  Effect.callback<string, Error>((resume) => {
    const { hostname, port } = new URL(url)
    const socket: TLSSocket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resume(Effect.succeed(String(socket.getPeerCertificate().subject.CN)))
      socket.destroy()
    })
    socket.once("error", (error) => resume(Effect.fail(error)))
  })

const proxy = (upstream: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const admin = args.includes("--admin") ? [] : ["--admin", "off"]
    const program = yield* Program.start([
      "proxy",
      "--upstream",
      upstream,
      "--listen",
      "127.0.0.1:0",
      ...admin,
      ...args,
    ])
    yield* program.ready
    return program
  })

describe.skipIf(!openssl)("TLS", () => {
  it.live("shows the new certificate after SIGHUP, and keeps a good one for a bad", () =>
    Effect.gen(function* () {
      const folder = yield* Program.folder
      const [one, two] = [certify(folder, "one"), certify(folder, "two")]
      const token = join(folder, "token")
      writeFileSync(token, "s3cret")
      const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")]
      const install = (made: typeof one) => {
        writeFileSync(cert, readFileSync(made.cert))
        writeFileSync(key, readFileSync(made.key))
      }
      install(one)
      const open = ["--admin", "0.0.0.0:0", "--admin-token-file", token]
      const program = yield* proxy(yield* Peers.echo, "--tls-cert", cert, "--tls-key", key, ...open)
      assert.match(
        program.stdout(),
        /^listening admin https:\/\/0\.0\.0\.0:\d+\nlistening proxy wss:\/\/127\.0\.0\.1:\d+\nready\n$/,
      )
      const admin = program.url("admin").replace("0.0.0.0", "127.0.0.1")
      assert.deepStrictEqual([yield* shownBy(program.url("proxy")), yield* shownBy(admin)], ["one", "one"])
      assert.strictEqual((yield* Peers.ask(`${admin}/readyz`)).status, 200)
      assert.strictEqual((yield* Peers.ask(`${admin}/metrics`)).status, 401)
      const bearer = { authorization: "Bearer s3cret", host: "proxy.example" }
      assert.strictEqual((yield* Peers.ask(`${admin}/metrics`, bearer)).status, 200)

      const client = yield* Peers.client(program.url("proxy"), { rejectUnauthorized: false })
      install(two)
      yield* program.kill("SIGHUP")
      yield* program.wrote("stderr", /INFO {2}SIGHUP: new connections see the certificate/)
      assert.deepStrictEqual([yield* shownBy(program.url("proxy")), yield* shownBy(admin)], ["two", "two"])
      client.send("still here")
      assert.strictEqual(yield* client.next, "still here")

      writeFileSync(key, readFileSync(one.key))
      yield* program.kill("SIGHUP")
      yield* program.wrote("stderr", /ERROR SIGHUP: the old certificate stays; (?!cannot listen).*\bkey\b/)
      assert.deepStrictEqual([yield* shownBy(program.url("proxy")), yield* shownBy(admin)], ["two", "two"])

      writeFileSync(cert, "no certificate")
      yield* program.kill("SIGHUP")
      yield* program.wrote(
        "stderr",
        /ERROR SIGHUP: the old certificate stays; --tls-cert: expected a certificate as PEM in /,
      )
      assert.strictEqual(yield* shownBy(program.url("proxy")), "two")
    }),
  )

  it.live("asks clients for certificates when it knows authorities for them", () =>
    Effect.gen(function* () {
      const folder = yield* Program.folder
      const [us, them, other] = [certify(folder, "us"), certify(folder, "them"), certify(folder, "other")]
      const tls = ["--tls-cert", us.cert, "--tls-key", us.key, "--client-ca", them.cert]
      const program = yield* proxy(yield* Peers.echo, ...tls)
      const shows = (made: typeof us) =>
        Peers.client(program.url("proxy"), {
          ca: readFileSync(us.cert),
          cert: readFileSync(made.cert),
          key: readFileSync(made.key),
        })
      const client = yield* shows(them)
      client.send("known")
      assert.strictEqual(yield* client.next, "known")
      assert.instanceOf(yield* Effect.flip(shows(other)), Error)
    }),
  )

  it.live("reaches an upstream that asks for a certificate and is known by its own authority", () =>
    Effect.gen(function* () {
      const folder = yield* Program.folder
      const [server, us] = [certify(folder, "server"), certify(folder, "us")]
      const upstream = yield* secureUpstream(server, us.cert)
      const both = join(folder, "both.pem")
      writeFileSync(both, `${readFileSync(us.cert, "utf8")}\n${readFileSync(us.key, "utf8")}`)
      const program = yield* proxy(upstream, "--upstream-ca", server.cert, "--upstream-cert", both)
      const client = yield* Peers.client(program.url("proxy"))
      assert.strictEqual(yield* client.next, "hello us")

      const stranger = yield* proxy(upstream, "--upstream-cert", both)
      const refused = yield* Effect.flip(Peers.client(stranger.url("proxy")))
      assert.strictEqual(refused.message, "Unexpected server response: 502")
    }),
  )

  it.live("is refused in one line when its files hold something else", () =>
    Effect.gen(function* () {
      const { cert, key } = certify(yield* Program.folder, "one")
      const upstream = ["proxy", "--listen", "127.0.0.1:0", "--admin", "off", "--upstream"]
      assert.deepStrictEqual(yield* Program.ran([...upstream, "ws://a", "--tls-cert", key, "--tls-key", key]), {
        code: 2,
        stdout: "",
        stderr: `holdfast: --tls-cert: expected a certificate as PEM in ${key}\n`,
      })
      assert.deepStrictEqual(yield* Program.ran([...upstream, "wss://a"], { HOLDFAST_UPSTREAM_CERT: cert }), {
        code: 2,
        stdout: "",
        stderr: `holdfast: HOLDFAST_UPSTREAM_CERT: expected a private key as PEM in ${cert}\n`,
      })
      const other = certify(yield* Program.folder, "other")
      const mixed = yield* Program.ran([...upstream, "ws://a", "--tls-cert", cert, "--tls-key", other.key])
      assert.deepStrictEqual([mixed.code, mixed.stdout], [1, ""])
      assert.match(mixed.stderr, /^holdfast: cannot listen on 127\.0\.0\.1:0: .*\bkey\b.*\n$/)
    }),
  )
})

describe("without TLS", () => {
  it.live("a SIGHUP changes nothing", () =>
    Effect.gen(function* () {
      const program = yield* proxy(yield* Peers.echo)
      yield* program.kill("SIGHUP")
      yield* program.wrote("stderr", /SIGHUP: there is no certificate to read again/)
      const client = yield* Peers.client(program.url("proxy"))
      client.send("fine")
      assert.strictEqual(yield* client.next, "fine")
    }),
  )
})

/** A server that lets nobody in without a certificate of that authority, and greets by its name. */
const secureUpstream = (server: { readonly cert: string; readonly key: string }, clientCa: string) =>
  Effect.gen(function* () {
    const [cert, key, ca] = [server.cert, server.key, clientCa].map((path) => readFileSync(path))
    const https = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true })
    new WebSocketServer({ server: https }).on("connection", (socket, request) => {
      // Only TLS sockets reach a server of `node:https`.
      socket.send(`hello ${(request.socket as TLSSocket).getPeerCertificate().subject.CN}`)
    })
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        // A TCP server that listens has an address of this shape.
        https.listen(0, "127.0.0.1", () => resume(Effect.succeed((https.address() as AddressInfo).port)))
      }),
      () =>
        Effect.sync(() => {
          https.close()
          https.closeAllConnections()
        }),
    )
    return `wss://127.0.0.1:${port}`
  })
