package access

import "github.com/tizilim/tizilim/domain"

// The actions of the public, in the order of the table.
const (
	ReadServer   Action = "read-server"
	ReadPages    Action = "read-pages"
	LogIn        Action = "log-in"
	ReadServices Action = "read-services"
	ReadCalendar Action = "read-calendar"
	ReadFigures  Action = "read-figures"
	ReadLicenses Action = "read-licenses"
	NotifyPaid   Action = "notify-payment"
)

// The actions on applications.
const (
	ReadApplications    Action = "read-applications"
	OpenApplication     Action = "open-application"
	FillApplication     Action = "fill-application"
	PayApplication      Action = "pay-application"
	SignApplication     Action = "sign-application"
	WithdrawApplication Action = "withdraw-application"
	DeliverResult       Action = "deliver-result"
	RateService         Action = "rate-service"
	RegisterApplication Action = "register-application"
	DecideApplication   Action = "decide-application"
	SignDecision        Action = "sign-decision"
)

// The actions on licenses.
const (
	SuspendLicense   Action = "suspend-license"
	ResumeLicense    Action = "resume-license"
	TerminateLicense Action = "terminate-license"
	ChangeSites      Action = "change-sites"
	SignLicense      Action = "sign-license"
	ReadEvidence     Action = "read-license-evidence"
)

// The actions of supervision and administration.
const (
	ReadVisits     Action = "read-visits"
	ReadEvents     Action = "read-events"
	ReadOwn        Action = "read-own-account"
	ManageOwn      Action = "manage-own-account"
	ReadAccounts   Action = "read-accounts"
	ManageAccounts Action = "manage-accounts"
	ManageTokens   Action = "manage-tokens"
	ReadAccessLog  Action = "read-access-log"
)

// row says of one action what it is and who may do it.
type row struct {
	action Action
	about  string // for people
	public bool   // open without logging in; the roles then say who sees more than the public
	writes bool
	// personal says that it shows personal data: every time is written into the access log. Where the
	// action is public too, only what the public does not see is.
	personal bool
	roles    map[domain.Role]Scope
}

// Who reaches how far, where several actions have it the same.
var (
	readers = map[domain.Role]Scope{
		domain.RoleApplicant: Own, domain.RoleOfficer: Licensor, domain.RoleHead: Licensor,
		domain.RoleOperator: Center, domain.RoleAuditor: All, domain.RoleAdmin: All,
	}
	// entrants bring an application in and lead it to its registration, each through their channel.
	entrants = map[domain.Role]Scope{
		domain.RoleApplicant: Own, domain.RoleOfficer: Licensor, domain.RoleOperator: Center,
	}
	deciders = map[domain.Role]Scope{domain.RoleOfficer: Licensor, domain.RoleHead: Licensor}
	heads    = map[domain.Role]Scope{domain.RoleHead: Licensor}
	watchers = map[domain.Role]Scope{
		domain.RoleOfficer: Licensor, domain.RoleHead: Licensor, domain.RoleAuditor: All, domain.RoleAdmin: All,
	}
	holders = map[domain.Role]Scope{
		domain.RoleApplicant: Own, domain.RoleOfficer: Licensor, domain.RoleHead: Licensor,
		domain.RoleAuditor: All, domain.RoleAdmin: All,
	}
	everybody = map[domain.Role]Scope{
		domain.RoleApplicant: Own, domain.RoleOfficer: Own, domain.RoleHead: Own,
		domain.RoleOperator: Own, domain.RoleAuditor: Own, domain.RoleAdmin: Own,
	}
	auditors = map[domain.Role]Scope{domain.RoleAuditor: All, domain.RoleAdmin: All}
	admins   = map[domain.Role]Scope{domain.RoleAdmin: All}
)

// table is the table: every action once.
var table = []row{
	{action: ReadServer, about: "see how the server is, its figures, its description of the API and its static files", public: true},
	{action: ReadPages, about: "look at the public pages", public: true},
	{action: LogIn, about: "log in and out", public: true, writes: true},
	{action: ReadServices, about: "read the services, their acts and procedures", public: true},
	{action: ReadCalendar, about: "read the working days and count terms", public: true},
	{action: ReadFigures, about: "read how steps keep their deadlines, without naming anybody", public: true},
	{action: ReadLicenses, about: "search the register and read a license and its history; within reach with what the public does not see", personal: true, public: true, roles: holders},
	{action: NotifyPaid, about: "tell of a payment; the notice is signed by the payment gateway", public: true, writes: true},

	{action: ReadApplications, about: "list and read applications, their history, documents, what is to be signed and what the verdicts on signatures rest on", personal: true, roles: readers},
	{action: OpenApplication, about: "open an application", personal: true, writes: true, roles: entrants},
	{action: FillApplication, about: "fill in the form and attach documents", personal: true, writes: true, roles: entrants},
	{action: PayApplication, about: "ask for the payment order", personal: true, writes: true, roles: entrants},
	{action: SignApplication, about: "sign an application", personal: true, writes: true, roles: entrants},
	{action: WithdrawApplication, about: "take an application back", personal: true, writes: true, roles: entrants},
	{action: DeliverResult, about: "record that the applicant has the result", personal: true, writes: true, roles: entrants},
	{action: RateService, about: "answer the questionnaire", personal: true, writes: true, roles: entrants},
	{action: RegisterApplication, about: "register a request", personal: true, writes: true, roles: deciders},
	{action: DecideApplication, about: "draft the approval or refusal of an application", personal: true, writes: true, roles: deciders},
	{action: SignDecision, about: "decide an application by signing the draft", personal: true, writes: true, roles: heads},

	{action: SuspendLicense, about: "suspend a license", personal: true, writes: true, roles: deciders},
	{action: ResumeLicense, about: "end a suspension", personal: true, writes: true, roles: deciders},
	{action: TerminateLicense, about: "end a license", personal: true, writes: true, roles: deciders},
	{action: SignLicense, about: "read what is to be signed of a license, and sign it", personal: true, writes: true, roles: heads},
	{action: ReadEvidence, about: "read what the verdict on a license's signature rests on", personal: true, roles: holders},
	{action: ChangeSites, about: "enter a site of the activity and take one off", personal: true, writes: true, roles: deciders},

	{action: ReadVisits, about: "list the applications behind the figures, those past their deadline among them", personal: true, roles: watchers},
	{action: ReadEvents, about: "read the feed of all events", personal: true, roles: auditors},
	{action: ReadOwn, about: "see who one is, with one's own sessions", roles: everybody},
	{action: ManageOwn, about: "change one's own password and role of the moment, end one's own sessions", writes: true, roles: everybody},
	{action: ReadAccounts, about: "list accounts, their roles, sessions and locks", personal: true, roles: auditors},
	{action: ManageAccounts, about: "add, change, disable and unlock accounts, and end their sessions", personal: true, writes: true, roles: admins},
	{action: ManageTokens, about: "make and revoke API tokens", personal: true, writes: true, roles: admins},
	{action: ReadAccessLog, about: "read who looked at whose data", personal: true, roles: auditors},
}

// index finds an action's row.
var index = func() map[Action]row {
	rows := map[Action]row{}
	for _, r := range table {
		rows[r.action] = r
	}
	return rows
}()

// Allowed is how far the role reaches with the action; Nothing for what is no action or no role.
func Allowed(role domain.Role, a Action) Scope { return index[a].roles[role] }

// Public reports whether the action is open without logging in.
func Public(a Action) bool { return index[a].public }

// Writes reports whether the action changes something.
func Writes(a Action) bool { return index[a].writes }

// Personal reports whether the action shows personal data, so that it stands in the access log.
func Personal(a Action) bool { return index[a].personal }

// Widens reports whether somebody who logged in sees more by the public action than the public does.
func Widens(a Action) bool { return Public(a) && len(index[a].roles) > 0 }

// About says for people what the action is.
func About(a Action) string { return index[a].about }

// Actions are all actions, in the order of the table.
func Actions() []Action {
	all := make([]Action, len(table))
	for i, r := range table {
		all[i] = r.action
	}
	return all
}

// Roles are the roles that an account can have.
func Roles() []domain.Role {
	return []domain.Role{
		domain.RoleApplicant, domain.RoleOfficer, domain.RoleHead, domain.RoleOperator, domain.RoleAuditor, domain.RoleAdmin,
	}
}
