// Package application is an application on its way through a procedure: one state machine for every
// service, channel and kind of request.
//
// The order of reading: types.go (what an application is), command.go (what may be wanted of it),
// event.go (what may have happened to it), evolve.go (events → state), decide.go and way.go (state and
// command → events or a refusal), then the refusals by stage: open.go, request.go, payment.go, signature.go,
// decision.go; content.go and result.go (what is signed), evidence.go (what verdicts rest on). The machine knows no service by name. It is driven by
// the steps of the regulation's procedure and their action tokens: a command is accepted when the
// application waits in a step whose action calls for it, and the step's edges say what comes next.
//
//	authorize, enter-applicant      Open             application-opened
//	fill-form, attach-documents     File             application-filed
//	attach-and-sign                 File, then Sign  application-filed, application-signed
//	query-, answer-registers        AnswerRegisters  applicant-confirmed, or applicant-not-found and application-refused
//	pay                             RequestPayment   payment-requested
//	                                WaivePayment     payment-not-required
//	                                Pay              application-paid; payment-unmatched, in any step
//	                                FailPayment, ExpirePayment  application-refused
//	choose-certificate and sign     Sign             certificate-accepted and application-signed
//	                                RejectSignature  application-refused
//	                                ReceiveSignature signature-received, where nobody can judge it yet
//	send, register                  Register         application-registered
//	issue, issue-or-refuse          Draft            decision-drafted
//	                                SignDecision     application-approved, then Complete: application-completed;
//	                                                 or application-refused
//
// After registration the application waits in the step that forms the result, because that step's
// term is the licensor's term for either decision. Whoever is not authorized has no application, so
// no event tells of the step that rejects an authorization.
package application
