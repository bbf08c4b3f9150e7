package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/v1"
)

// routes are all routes. Who may use each stands in the gate's table.
func (s *Server) routes() {
	s.huma = newHuma(s)
	s.serviceRoutes()
	s.applicationRoutes()
	s.licenseRoutes()
	s.figureRoutes()
	s.calendarRoutes()
	for _, page := range s.site.Pages() {
		s.pages[page.Pattern] = true
		s.plain(page.Pattern, page.Handler)
	}
	s.accountRoutes()
	for _, pages := range []map[string]handler{
		{
			"GET /login": s.loginPage, "POST /login": s.login, "POST /login/certificate": s.loginCertificate,
			"GET /login/openid/begin": s.beginOpenID, "GET /login/openid": s.finishOpenID, "POST /logout": s.logout,
			"GET /account": s.accountPage, "POST /account/role": s.chooseRole,
			"POST /account/password": s.changeOwnPassword, "POST /account/sessions": s.endSessionsPage,
		},
		s.signaturePages("/applications/{id}/signature", s.requestToSign),
		s.signaturePages("/applications/{id}/decision/signature", s.decisionToSign),
		s.signaturePages("/licenses/{number}/signature", s.licenseToSign),
	} {
		for pattern, h := range pages {
			s.pages[pattern] = true
			s.plain(pattern, h)
		}
	}
}

func (s *Server) serviceRoutes() {
	operation(s, "GET /api/v1/services", "list-services", "All services in their wording in force", s.listServices)
	operation(s, "GET /api/v1/services/{slug}", "get-service", "One service", s.getService)
	const procedure = "GET /api/v1/services/{slug}/procedures/{channel}"
	operation(s, procedure, "get-procedure",
		"The procedure of a service through a channel: its steps as printed and as in effect", s.getProcedure)
	operation(s, procedure+"/diagram.svg", "draw-procedure", "The diagram of functional interaction of a procedure, as in effect", s.drawProcedure,
		answers(answerOf("The drawing", mediaSVG, &huma.Schema{Type: "string"})))
	operation(s, procedure+"/diagram.bpmn", "model-procedure", "The same as BPMN 2.0 XML with its layout, for tools", s.modelProcedure,
		answers(answerOf("The model", mediaBPMN, &huma.Schema{Type: "string"})))
}

func (s *Server) applicationRoutes() {
	const at = "/api/v1/applications/{id}"
	operation(s, "POST /api/v1/applications", "open-application", "Open an application", s.openApplication)
	operation(s, "GET /api/v1/applications", "list-applications", "One's own applications, or the queue of one's licensor or center, the last opened first", s.listApplications)
	operation(s, "GET "+at, "get-application", "One application", s.getApplication)
	operation(s, "GET "+at+"/history", "get-application-history", "What befell an application", s.applicationHistory)
	operation(s, "GET "+at+"/diagram.svg", "draw-application", "The procedure that an application follows, with its way through it", s.drawApplication,
		answers(answerOf("The drawing", mediaSVG, &huma.Schema{Type: "string"})))
	operation(s, "GET "+at+"/deadlines", "get-application-deadlines", "Its visits of steps, with their times, deadlines and outcomes", s.applicationDeadlines)
	operation(s, "PUT "+at+"/form", "file-form", "Fill in the form and name its documents", s.fileForm)
	s.documentRoutes(at)
	operation(s, "POST "+at+"/payment", "get-payment", "The payment order: where one pays", s.payment)
	s.described("GET "+at+"/signature", "get-content", "The exact bytes to sign", s.content,
		"200", answerOf("The bytes", "application/json", &huma.Schema{Type: "object"}), pathParams("id"))
	operation(s, "POST "+at+"/signature", "sign-application", "Sign the application", s.sign)
	operation(s, "POST "+at+"/registration", "register-application", "Register the request, where an officer does", s.register)
	operation(s, "POST "+at+"/decision", "decide-application", "Draft the decision: approve or refuse", s.decide)
	s.described("GET "+at+"/decision/signature", "get-decision-content", "The exact bytes of the drafted decision to sign", s.draftContent,
		"200", answerOf("The bytes", "application/json", &huma.Schema{Type: "object"}), pathParams("id"))
	operation(s, "POST "+at+"/decision/signature", "sign-decision", "Decide, by signing the draft", s.signDecision)
	operation(s, "GET "+at+"/evidence", "get-evidence", "What the verdicts on its signatures rest on, to be checked by anybody", s.evidence)
	s.described("GET "+at+"/evidence/{sha256}", "get-evidence-list", "A list of revoked certificates that a verdict rests on", s.evidenceList,
		"200", answerOf("The list, in DER", mediaCRL, &huma.Schema{Type: "string", Format: "binary"}), pathParams("id", "sha256"))
	operation(s, "POST "+at+"/withdrawal", "withdraw-application", "Take the application back", s.withdraw)
	operation(s, "POST "+at+"/delivery", "deliver-result", "Record that the applicant has the result", s.deliver)
	operation(s, "POST "+at+"/rating", "rate-service", "Answer the questionnaire", s.rate)
	if s.cfg.PaymentNotice != nil {
		s.described(callback, "notify-payment", "For the payment gateway: its signed notice", s.paymentCallback,
			"200", answerOf("Taken note of", "application/json", s.schema(v1.Noticed{})))
	}
}

func (s *Server) documentRoutes(at string) {
	binary := &huma.Schema{Type: "string", Format: "binary"}
	s.described(uploadPattern, "upload-document", "Store a file of up to 10 MiB; the form names it as a document", s.upload,
		"201", answerOf("Stored", "application/json", s.schema(v1.Uploaded{})), pathParams("id"),
		func(op *huma.Operation) {
			op.RequestBody = &huma.RequestBody{
				Required:    true,
				Description: "The file itself with Content-Type and Content-Disposition: attachment; filename=…, or a form with one file",
				Content: map[string]*huma.MediaType{
					"application/pdf":     {Schema: binary},
					"multipart/form-data": {Schema: &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{"file": binary}}},
				},
			}
		})
	s.described("GET "+at+"/documents/{sha256}", "get-document", "A document of an application", s.download,
		"200", answerOf("The file", "application/octet-stream", binary), pathParams("id", "sha256"))
}

func (s *Server) licenseRoutes() {
	const at = "/api/v1/licenses/{number}"
	operation(s, "GET /api/v1/licenses", "search-licenses", "Search the register, in the order of issue", s.searchLicenses)
	operation(s, "GET /api/v1/licenses.csv", "search-licenses-csv", "The same search as one table, in people's words", s.searchCSV,
		answers(answerOf("The table", "text/csv", &huma.Schema{Type: "string"})))
	operation(s, "GET "+at, "get-license", "One license, also as of another day", s.getLicense)
	operation(s, "GET "+at+"/history", "get-license-history", "What befell a license", s.licenseHistory)
	s.described("GET "+at+"/signature", "get-license-content", "The exact bytes of the license to sign", s.licenseContent,
		"200", answerOf("The bytes", "application/json", &huma.Schema{Type: "object"}), pathParams("number"))
	operation(s, "POST "+at+"/signature", "sign-license", "Sign a license", s.signLicense)
	operation(s, "GET "+at+"/evidence", "get-license-evidence", "What the verdict on its signature rests on, to be checked by anybody", s.licenseEvidence)
	operation(s, "POST "+at+"/suspension", "suspend-license", "Suspend a license", s.suspend)
	operation(s, "POST "+at+"/resumption", "resume-license", "End a suspension", s.resume)
	operation(s, "POST "+at+"/termination", "terminate-license", "End a license", s.terminate)
	operation(s, "POST "+at+"/sites", "add-site", "Enter a site of the activity", s.addSite)
	operation(s, "DELETE "+at+"/sites/{id}", "remove-site", "Take a site off", s.removeSite)
}

func (s *Server) calendarRoutes() {
	operation(s, "GET /api/v1/calendar/explanation", "explain-term", "A term in working days, counted day by day with the reason of each", s.explainTerm)
	operation(s, "GET /api/v1/calendar/years/{year}", "get-calendar-year", "The working days of a year, and the days that are not as in a plain week", s.calendarYear)
}

func (s *Server) figureRoutes() {
	operation(s, "GET /api/v1/deadlines", "list-deadlines", "How procedures keep to their deadlines, by service and channel", s.listDeadlines)
	operation(s, "GET /api/v1/deadlines/steps", "list-deadline-steps", "The same by step, with durations", s.listDeadlineSteps)
	operation(s, "GET /api/v1/deadlines/visits", "list-deadline-visits", "The visits behind a figure, those entered last first", s.listVisits)
	operation(s, "GET /api/v1/deadlines/overdue", "list-overdue", "The applications behind their deadline, the longest overdue first", s.listOverdue)
	table := answers(answerOf("The table", "text/csv", &huma.Schema{Type: "string"}))
	operation(s, "GET /api/v1/deadlines.csv", "list-deadlines-csv", "The figures by service and channel as a table, in people's words", s.deadlinesCSV, table)
	operation(s, "GET /api/v1/deadlines/steps.csv", "list-deadline-steps-csv", "The figures by step as a table", s.deadlineStepsCSV, table)
	operation(s, "GET /api/v1/deadlines/visits.csv", "list-deadline-visits-csv", "The visits behind a figure as a table", s.deadlineVisitsCSV, table)
	operation(s, "GET /api/v1/events", "read-events",
		"Everything that happened, from the first event: a batch of CloudEvents, or with Accept: text/event-stream a stream that goes on", s.events,
		answers(answerOf("Events", "application/cloudevents-batch+json", &huma.Schema{Type: "array", Items: s.schema(v1.CloudEvent{})})))
	s.plain("GET /openapi.json", s.serveSpec)
	s.plain("GET /metrics", s.cfg.Metrics.serve)
	s.plain("GET /livez", s.livez)
	s.plain("GET /readyz", s.readyz)
}
