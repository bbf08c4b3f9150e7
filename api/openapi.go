package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/access"
)

const apiDescription = `The licensing registry. Every write needs an Idempotency-Key and may name the version it acts on in
If-Match; the same key again is the same write again. Answers carry Tizilim-Position, where the write can be seen; a read
that sends it back waits for it. Errors are application/problem+json with a stable code; title and detail are in the
language of Accept-Language (kk, ru or en; English where none is asked for).`

// newHuma makes the part that decodes, validates and describes JSON. It is strict: unknown fields and
// unknown query parameters are refused.
func newHuma(s *Server) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Tizilim", Version: s.cfg.Version, Description: strings.ReplaceAll(apiDescription, "\n", " "),
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "The token of a session, which POST /api/v1/sessions begins, or of a system"},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{s.translate},
	}
	return humago.New(s.mux, config)
}

// translate makes an error of huma's own one of ours.
func (s *Server) translate(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	lang := visitOf(ctx.Context()).lang
	p := s.answer(humaFault(model), lang)
	for name, values := range head(p, lang) {
		ctx.SetHeader(name, values[0])
	}
	return &p, nil
}

func humaFault(model *huma.ErrorModel) error {
	f := &fault{code: "form-invalid", err: errUnprocessable}
	for _, e := range model.Errors {
		f.fields = append(f.fields, humaField(e))
		if !strings.HasPrefix(e.Location, "body") {
			f.code = "parameter-invalid"
		}
	}
	switch {
	case model.Status == http.StatusUnprocessableEntity:
	case model.Status == http.StatusUnsupportedMediaType:
		f.code = "media-type-unsupported"
	case model.Status == http.StatusRequestEntityTooLarge:
		f.code, f.params = "too-large", []string{"limit", strconv.Itoa(maxBody)}
	case model.Status >= http.StatusInternalServerError:
		f.code, f.fields = "internal", nil
	case len(model.Errors) == 0:
		f.code = "body-required"
	default: // huma says in its own words where a decoder stopped; the problem's are enough
		f.code, f.fields = "json-malformed", nil
	}
	return f
}

// humaTexts are the messages of huma's validation, in the words of package validation or of huma itself,
// with the texts that say the same in three languages. What stands for (.*) is the text's parameter.
var humaTexts = []struct {
	message *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`^unexpected property$`), "field.unexpected"},
	{regexp.MustCompile(`^unknown query parameter$`), "field.unknown-parameter"},
	{regexp.MustCompile(`^expected required property (.*) to be present$`), "field.required"},
	{regexp.MustCompile(`^required .* parameter is missing$`), "field.parameter-required"},
	{regexp.MustCompile(`^expected value to be one of "(.*)"$`), "field.one-of"},
	{regexp.MustCompile(`^expected length >= (.*)$`), "field.too-short"},
	{regexp.MustCompile(`^expected length <= (.*)$`), "field.too-long"},
	{regexp.MustCompile(`^expected array length <= (.*)$`), "field.too-many"},
	{regexp.MustCompile(`^expected number >= (.*)$`), "field.too-small"},
	{regexp.MustCompile(`^expected number <= (.*)$`), "field.too-large"},
	{regexp.MustCompile(`^expected string to match pattern (.*)$`), "field.pattern"},
	{regexp.MustCompile(`^expected string$`), "field.string"},
	{regexp.MustCompile(`^(expected number|invalid float)$`), "field.number"},
	{regexp.MustCompile(`^(expected|invalid) integer$`), "field.integer"},
	{regexp.MustCompile(`^(expected|invalid) boolean$`), "field.boolean"},
	{regexp.MustCompile(`^expected array$`), "field.array"},
	{regexp.MustCompile(`^expected object$`), "field.object"},
}

func humaField(e *huma.ErrorDetail) field {
	for _, t := range humaTexts {
		found := t.message.FindStringSubmatch(e.Message)
		switch {
		case found == nil:
			continue
		case len(found) > 1:
			return field{e.Location, t.text, []string{"value", found[1]}}
		}
		return field{location: e.Location, key: t.text}
	}
	return field{location: e.Location, key: "field.invalid"}
}

// refusal is a problem as an error that huma writes.
type refusal struct {
	v1.Problem
	lang string
}

func (r *refusal) Error() string                { return r.Code }
func (r *refusal) GetStatus() int               { return r.Status }
func (r *refusal) GetHeaders() http.Header      { return head(r.Problem, r.lang) }
func (r *refusal) ContentType(string) string    { return "application/problem+json" }
func (r *refusal) MarshalJSON() ([]byte, error) { return json.Marshal(r.Problem) }

// operation registers a handler whose body, parameters and answer are described by its types.
func operation[I, O any](s *Server, pattern, id, summary string, h func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	s.patterns = append(s.patterns, pattern)
	op := s.describe(pattern, id, summary)
	op.MaxBodyBytes = maxBody + 1 // readBody has checked it; huma counts the limit itself as too large
	op.BodyReadTimeout = -1       // the body has been read
	for _, m := range more {
		m(&op)
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, &refusal{s.problem(ctx, err), visitOf(ctx).lang}
		}
		return out, nil
	})
}

// answers describes the answer of an operation that writes it itself.
func answers(r *huma.Response) func(*huma.Operation) {
	return func(op *huma.Operation) { op.Responses["200"] = r }
}

// stream is an answer that a plain handler writes.
func (s *Server) stream(h handler) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		if err := h(w, r); err != nil {
			s.refuse(w, r, err)
		}
	}}
}

// describe is what all operations have in common, by their route.
func (s *Server) describe(pattern, id, summary string) huma.Operation {
	method, path, _ := strings.Cut(pattern, " ")
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag(path)},
		Responses: map[string]*huma.Response{
			"default": {
				Description: "A problem; its code is stable",
				Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: s.schema(v1.Problem{})}},
			},
		},
	}
	switch action := actions[pattern]; {
	case !access.Public(action):
		op.Security = []map[string][]string{{"bearer": {}}}
	case access.Widens(action): // who logs in sees more
		op.Security = []map[string][]string{{}, {"bearer": {}}}
	}
	text := &huma.Schema{Type: "string"}
	switch {
	case pattern == callback, method != http.MethodGet && !keyed(pattern):
	case method == http.MethodGet:
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: positionHeader, In: "header", Schema: text, Description: "Wait until this position can be read",
		})
	default:
		low, high := 1, 200
		op.Parameters = append(op.Parameters,
			&huma.Param{Name: "Idempotency-Key", In: "header", Required: true, Description: "Names this write; send the same again to repeat it",
				Schema: &huma.Schema{Type: "string", MinLength: &low, MaxLength: &high, Pattern: "^[!-~]+$"}},
			&huma.Param{Name: "If-Match", In: "header", Schema: text, Description: "The only version to act on, as in ETag"})
	}
	return op
}

// tag groups operations by the first word of their path.
func tag(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/api/v1"), "/")
	word, _, _ := strings.Cut(path, "/")
	word, _, _ = strings.Cut(word, ".")
	return word
}

func (s *Server) schema(v any) *huma.Schema {
	return s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")
}

// answerOf is the description of an answer that is not JSON of ours.
func answerOf(description, media string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{media: {Schema: schema}}}
}

// described registers a plain handler together with its description.
func (s *Server) described(pattern, id, summary string, h handler, status string, r *huma.Response, more ...func(*huma.Operation)) {
	s.plain(pattern, h)
	op := s.describe(pattern, id, summary)
	op.Responses[status] = r
	for _, m := range more {
		m(&op)
	}
	s.huma.OpenAPI().AddOperation(&op)
}

// pathParams documents the parameters in the path of a plain handler.
func pathParams(names ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		for _, name := range names {
			op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
		}
	}
}

// openapi is the description of everything, as it is served.
func (s *Server) openapi() ([]byte, error) {
	api := s.huma.OpenAPI()
	delete(api.Components.Schemas.Map(), "ErrorModel") // huma's own, which nobody gets
	delete(api.Components.Schemas.Map(), "ErrorDetail")
	compact, err := json.Marshal(api)
	if err != nil {
		return nil, err
	}
	return indent(compact)
}

// indent writes JSON for people too, with sorted keys so that the description is the same every time.
func indent(compact []byte) ([]byte, error) {
	var tree any
	if err := json.Unmarshal(compact, &tree); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(tree, "", "  ")
	return append(data, '\n'), err
}

func (s *Server) serveSpec(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(s.spec)
	return err
}
