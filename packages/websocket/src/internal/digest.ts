/**
 * What is kept of a secret: enough to know it again, not enough to tell it.
 */
import { hash } from "node:crypto"

/** SHA-256 in base64url, so that it may stand in a path. */
export const of = (text: string): string => hash("sha256", text, "base64url")
