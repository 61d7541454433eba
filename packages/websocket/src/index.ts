export * as Acceptor from "./Acceptor.ts"
export * as Dialer from "./Dialer.ts"
export * as Proxy from "./Proxy.ts"
export * as Transport from "./Transport.ts"
