package api

// accountRoutes are logging in, one's own account, and the administration of all.
func (s *Server) accountRoutes() {
	operation(s, "POST /api/v1/challenges", "make-challenge", "A text to sign for logging in by certificate", s.challenge)
	operation(s, "POST /api/v1/sessions", "log-in", "Log in: by password, or by a challenge with its signature", s.openSession)
	operation(s, "DELETE /api/v1/sessions/current", "log-out", "End the session that asks", s.closeSession)
	operation(s, "GET /api/v1/account", "get-self", "Who the token lets in, and in which role", s.getSelf)
	operation(s, "PUT /api/v1/account/role", "take-role", "Go on in another role of the account: under another token, until the same end", s.takeRole)
	operation(s, "PUT /api/v1/account/password", "change-password", "Change one's own password; all one's sessions end", s.changePassword)
	operation(s, "GET /api/v1/account/sessions", "list-own-sessions", "One's own sessions, the last begun first", s.ownSessions)
	operation(s, "DELETE /api/v1/account/sessions", "end-own-sessions", "End all one's sessions", s.endOwnSessions)
	operation(s, "DELETE /api/v1/account/sessions/{session}", "end-own-session", "End one of one's sessions", s.endOwnSession)

	const at = "/api/v1/accounts/{account}"
	operation(s, "GET /api/v1/accounts", "list-accounts", "All accounts", s.listAccounts)
	operation(s, "POST /api/v1/accounts", "add-account", "Make an account", s.addAccount)
	operation(s, "GET "+at, "get-account", "One account, with its failed logins", s.getAccount)
	operation(s, "PUT "+at, "edit-account", "Correct an account; what is absent stays", s.editAccount)
	operation(s, "DELETE "+at, "remove-account", "Erase an account, with what is known of the person; what it did stays", s.removeAccount)
	operation(s, "PUT "+at+"/password", "set-password", "Give an account another password; its sessions end", s.setPassword)
	operation(s, "PUT "+at+"/disabled", "disable-account", "Shut an account; its sessions end", s.disableAccount)
	operation(s, "DELETE "+at+"/disabled", "enable-account", "Open it again", s.enableAccount)
	operation(s, "POST "+at+"/roles", "add-role", "Give an account a role; its sessions end", s.addRole)
	operation(s, "DELETE "+at+"/roles/{role}", "remove-role", "Take a role away; the account's sessions end", s.removeRole)
	operation(s, "DELETE "+at+"/lock", "unlock-account", "Forget the failed logins of an account", s.unlockAccount)
	operation(s, "GET "+at+"/sessions", "list-account-sessions", "The sessions of an account", s.accountSessions)
	operation(s, "DELETE "+at+"/sessions", "end-account-sessions", "End all sessions of an account", s.endSessions)
	operation(s, "DELETE "+at+"/sessions/{session}", "end-account-session", "End one session of an account", s.endSession)

	operation(s, "GET /api/v1/tokens", "list-tokens", "All API tokens, without what they are", s.listTokens)
	operation(s, "POST /api/v1/tokens", "add-token", "Make an API token, and tell it once", s.addToken)
	operation(s, "DELETE /api/v1/tokens/{name}", "revoke-token", "End a token", s.revokeToken)
	operation(s, "GET /api/v1/access-log", "read-access-log", "Who looked at whose data, the last first", s.listAccesses)
}
