// Package signature judges electronic digital signatures: a CMS over exact bytes, by a certificate of a
// certificate authority that is trusted, in somebody's name, for a purpose. It also makes such
// signatures (sign.go, keyfile.go), for those who sign files and for demonstrations.
//
// A Verifier judges a Claim and returns a Verdict with the Evidence for it:
//
//	trust, err := signature.ReadTrust(dir)          // whom to believe, and whom to ask
//	trust.Now = time.Now
//	verifier, err := signature.New(trust)
//	verdict, evidence, err := verifier.Verify(ctx, signature.Claim{
//		Signed: content, CMS: cms, Purpose: signature.ForRequest, Who: signature.Who{BIN: bin}, Received: now,
//	})
//
// There are four outcomes, and only two of them are for ever. Valid and Invalid come without an error and
// with evidence. Pending is an error of the kind domain.ErrUnavailable: somebody who has to be asked does
// not answer, or gives no sound answer; the same claim is judged again later, with the time at which it
// came first. Unsupported is ErrUnsupported: an algorithm that is not known here, such as GOST, which says
// nothing of the signature (package ncanode asks somebody who knows it). Each but Valid has a Reason
// out of a closed set (verdict.go). What is no CMS at all is domain.ErrInvalid.
//
// # What is checked, in this order
//
//   - The CMS (cms.go, signer.go, algorithm.go): one signer, whose certificate is inside; hashes and keys of
//     an allow-list; content, if inside, just the bytes that had to be signed; signed attributes, sound
//     and over these bytes; the signature itself.
//   - The certificate (policy.go, subject.go): the key is for the purpose, the IIN and BIN are those that it
//     has to be, the role admits to it. Each purpose has a Policy with a version.
//   - The time (judge.go, timestamp.go): of a timestamp inside, by an authority with the right to give one,
//     or the registry's. What the signer says of the time counts for nothing.
//   - The chain (chain.go): up to a configured root, as it was at that time. What stands between may be
//     configured, inside the CMS, or fetched.
//   - Revocation (ocsp.go, crl.go, lists.go): every certificate but the root, at that time. The sources are
//     asked in turn until one gives a sound answer. A forged or stale answer is none: it makes a
//     signature wait, and never invalid.
//   - The registry's own timestamp, where it wants one of every signature.
//
// # Evidence
//
// Evidence (evidence.go) holds everything that the judgment relied on: the signature, the certificates, the
// answers with their times, the verdict, the policy's version. Recheck (recheck.go) makes the judgment again
// from it, with the same code and no network, when the certificates have long expired; it needs the
// signed bytes and the roots of then. Lists of revoked certificates are large and the same for many
// signatures: Detach takes them out, to be kept once under their SHA-256, and Attach puts them back.
//
// # Whom it asks
//
// A certificate names addresses, and anybody can make a certificate. Only configured hosts are asked, no
// redirect is followed, no name may lead to a private address, and time and size are bounded (fetch.go).
package signature
