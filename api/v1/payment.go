package v1

import "time"

// Payment is the order that is to be paid, and whether it is.
type Payment struct {
	Order       string     `json:"order,omitempty"`
	Amount      int64      `json:"amount" doc:"In hundredths of the currency"`
	Currency    string     `json:"currency,omitempty" doc:"ISO 4217"`
	URL         string     `json:"url,omitempty" doc:"Where one pays"`
	Paid        bool       `json:"paid"`
	NotRequired bool       `json:"not_required,omitempty" doc:"Nothing is to be paid: there is no order"`
	Expires     *time.Time `json:"expires_at,omitempty" doc:"When the order ends unpaid"`
	Fee         *Fee       `json:"fee,omitempty" doc:"How the amount came about"`
}

// Fee is a rate times the monthly calculation index (MCI) of a day.
type Fee struct {
	Rate       int64  `json:"rate" doc:"Hundredths of an MCI"`
	MCI        int64  `json:"mci" doc:"Hundredths of the currency"`
	MCIFrom    string `json:"mci_from" doc:"Since when the MCI holds"`
	On         string `json:"on" doc:"The day of the order"`
	Source     string `json:"source,omitempty"`
	Unverified bool   `json:"unverified" doc:"Some figure was not compared with the law"`
	Version    string `json:"version" doc:"Of the table of fees"`
}

// Returned is a payment that people return.
type Returned struct {
	Order     string    `json:"order"`
	Reference string    `json:"reference" doc:"The gateway's own"`
	Amount    int64     `json:"amount" doc:"In hundredths of the currency"`
	Currency  string    `json:"currency"`
	Reason    string    `json:"reason" enum:"other-order,paid-twice,late,currency,short,over"`
	At        time.Time `json:"at" doc:"When the registry learned of it"`
}

// Noticed answers the payment gateway. A notice that does not apply any more is not to be repeated.
type Noticed struct {
	Status string `json:"status" enum:"recorded,not-applied,unknown-order"`
	Code   string `json:"code,omitempty" doc:"Why it does not apply"`
}
