/**
 * What is kept of a secret: enough to know it again, not enough to tell it.
 */
import { createHash } from "node:crypto"

/** SHA-256 in base64. */
export const of = (text: string): string => createHash("sha256").update(text).digest("base64")
