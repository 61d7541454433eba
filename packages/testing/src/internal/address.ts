/**
 * `HOST:PORT` as people write it; IPv6 in brackets.
 */

/** Where to listen or dial. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Reads it. */
export const parse = (text: string): Address | undefined => {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^\s:/[\]@]+)):(\d{1,5})$/i.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port > 65_535 ? undefined : { host, port }
}

/** Writes it. */
export const format = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

/** Whether only this machine can reach it. */
export const isLoopback = ({ host }: Address): boolean => /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host)
