package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
)

// SignaturePage shows what is to be signed, all of it and as it is signed, and takes the signature.
type SignaturePage struct {
	Frame
	Back     string    // address of what it belongs to
	Passages []Passage // what is signed, in its order
	Bytes    []Fact    // the exact bytes: how many, and their digest
	Open     bool      // it waits for a signature
	Waits    bool      // a signature is there, and waits to be verified
	Final    bool      // a signature that is not valid ends the matter
	Form     SigningForm
	// Problem and Detail say what was wrong with the signature that was sent.
	Problem, Detail string
}

// SigningForm is a form that is signed with NCALayer, or with a signature made elsewhere. The page that has it
// sets NCALayer in its frame.
type SigningForm struct {
	Frame
	Action   string       // where it is sent
	Download template.URL // where the exact bytes are
	Content  string       // they, in base64
	Purpose  string       // which key of the person's: "signature" or "authentication"
	Hidden   []Hidden
	Wrong    bool // what was sent before was refused
}

// Hidden is a value that goes with a form.
type Hidden struct{ Name, Value string }

// Signing is what there is to sign.
type Signing struct {
	Title   string
	Back    string
	Action  string // where the page is, and where its form is sent
	Content []byte // the exact bytes
	Within  string // where the words for its fields are found
	Open    bool
	Waits   bool
	Final   bool
	Hidden  []Hidden
	// Problem, Title and Detail of a signature that was refused, by its code.
	Code, Problem, Detail string
}

// SignatureURL is where an application is signed.
func SignatureURL(id string) string {
	return "/applications/" + url.PathEscape(id) + "/signature"
}

// DecisionURL is where the decision on an application is signed.
func DecisionURL(id string) string {
	return "/applications/" + url.PathEscape(id) + "/decision/signature"
}

// LicenseSignatureURL is where a license is signed.
func LicenseSignatureURL(number string) string {
	return "/licenses/" + url.PathEscape(number) + "/signature"
}

// AskSignature shows what there is to sign, and asks for the signature where it is to be signed now.
func (s *Site) AskSignature(w http.ResponseWriter, r *http.Request, status int, what Signing) error {
	f := s.frame(r, "deadline")
	passages, err := s.signed(f, what.Within, what.Content)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(what.Content)
	f.Title = what.Title
	if what.Open {
		f.NCALayer = s.NCALayer
	}
	download := what.Action + "/content"
	page := SignaturePage{
		Frame: f, Back: what.Back, Passages: passages, Open: what.Open, Waits: what.Waits, Final: what.Final,
		Bytes: []Fact{
			{Name: f.T("signing.size"), Value: Wording{Text: f.Count("count.bytes", len(what.Content))}, URL: download},
			fact(f, "signed.documents.sha256", hex.EncodeToString(digest[:])),
		},
		Form: SigningForm{
			Frame: f, Action: what.Action, Download: template.URL(download), // its id is escaped
			Content: base64.StdEncoding.EncodeToString(what.Content),
			Purpose: "signature", Hidden: what.Hidden, Wrong: what.Code != "",
		},
	}
	if what.Code != "" {
		page.Problem, page.Detail = s.words(f, what.Code, what.Problem, what.Detail)
	}
	return s.render(w, r, "signature", status, page)
}

// ApplicationTitle is the title of a page about an application, by the key of the text that has its number.
func (s *Site) ApplicationTitle(r *http.Request, key, id, registered string) string {
	f := s.frame(r, "")
	return f.T(key, "number", number(f, id, registered))
}

// LicenseTitle is the title of the page where a license is signed.
func (s *Site) LicenseTitle(r *http.Request, number string) string {
	return s.frame(r, "").T("signing.license-title", "number", number)
}
